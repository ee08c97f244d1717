/** One way to authenticate that a registry offers (RFC 9110, WWW-Authenticate). */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads a WWW-Authenticate header, which may hold several challenges. What cannot be read is left out. */
export function parseChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  const token = /\s*,?\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,"]*)))?/y;
  for (let m = token.exec(header); m; m = token.exec(header)) {
    const [, name = '', quoted, plain] = m;
    const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
    const current = found.at(-1);
    if (value === undefined) found.push({ scheme: name.toLowerCase(), parameters: {} });
    else if (current) current.parameters[name.toLowerCase()] = value;
  }
  return found;
}
