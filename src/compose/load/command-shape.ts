import { ShellWordsError, splitWords } from './shell-words.ts';
import type { Shape } from './shape.ts';
import { invalidAt, list, text, wrong } from './shape.ts';

/** A string is split into words, a list is taken as it is. */
export const command: Shape<string[]> = {
  read(tree, where) {
    if (tree.kind === 'list') return list(text).read(tree, where);
    if (tree.kind !== 'scalar' || typeof tree.value !== 'string')
      throw wrong(tree, where, 'a string or a list of strings');
    try {
      const { words, stoppedAt } = splitWords(tree.value);
      if (/\s\/\/\s/.test(tree.value))
        where.warn(
          `${where.path}: "//" begins no comment in YAML, it is handed to the program; a comment begins with #`,
        );
      if (stoppedAt !== undefined) {
        where.warn(
          `${where.path}: no shell runs this command, everything from "${stoppedAt}" on is ignored; to use shell operators write: sh -c '…'`,
        );
      }
      return words;
    } catch (e) {
      if (e instanceof ShellWordsError) throw invalidAt(tree, `${where.path}: ${e.message}: a quote is not closed`);
      throw e;
    }
  },
};
