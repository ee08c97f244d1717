/** Where a command string cannot be split. */
export class ShellWordsError extends Error {
  override readonly name = 'ShellWordsError';
}

/**
 * Splits a command as a shell would, without running one: quotes and backslashes count, `&&`, pipes and globs do not.
 * Like docker compose it stops at an unquoted `| & ; < >`; `stoppedAt` is that character.
 * @throws {ShellWordsError} on an unterminated quote
 */
export function splitWords(text: string): { readonly words: string[]; readonly stoppedAt: string | undefined } {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let quote: '"' | "'" | undefined;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? '';
    if (quote === "'") {
      if (c === "'") quote = undefined;
      else word += c;
    } else if (quote === '"') {
      if (c === '"') quote = undefined;
      else if (c === '\\' && i + 1 < text.length) {
        const next = text[++i] ?? '';
        word += next;
      } else word += c;
    } else if (c === '\\') {
      if (i + 1 >= text.length) throw new ShellWordsError('invalid command line string');
      word += text[++i] ?? '';
      inWord = true;
    } else if (c === '"' || c === "'") {
      quote = c;
      inWord = true;
    } else if (/\s/.test(c)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
    } else if ('|&;<>'.includes(c)) {
      if (inWord) words.push(word);
      return { words, stoppedAt: c };
    } else {
      word += c;
      inWord = true;
    }
  }
  if (quote) throw new ShellWordsError('invalid command line string');
  if (inWord) words.push(word);
  return { words, stoppedAt: undefined };
}
