/** Flags of the root that docker-compose took among its own; those that take a value are true. */
const ROOT: Readonly<Record<string, boolean>> = {
  '-H': true,
  '--host': true,
  '-c': true,
  '--context': true,
  '-D': false,
  '--debug': false,
  '-l': true,
  '--log-level': true,
  '--tls': false,
  '--tlsverify': false,
  '--tlscacert': true,
  '--tlscert': true,
  '--tlskey': true,
};
/** Flags of Compose whose value is a word of its own. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  '-f',
  '--file',
  '-p',
  '--project-name',
  '--project-directory',
  '--workdir',
  '--profile',
  '--env-file',
  '--ansi',
  '--progress',
  '--parallel',
]);

/**
 * Takes flags of the root out of what stands between `compose` and its command: docker-compose, a program of its own, has
 * them there.
 */
export function hoistRootFlags(words: readonly string[]): { readonly root: string[]; readonly rest: string[] } {
  const root: string[] = [];
  const rest: string[] = [];
  let i = 0;
  for (; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!word.startsWith('-') || word === '-' || word === '--') break;
    const name = word.split('=')[0] ?? word;
    const into = Object.hasOwn(ROOT, name) ? root : rest;
    into.push(word);
    const takesNext = ROOT[name] === true || WITH_VALUE.has(name);
    if (takesNext && name === word && i + 1 < words.length) into.push(words[++i] ?? '');
  }
  return { root, rest: [...rest, ...words.slice(i)] };
}
