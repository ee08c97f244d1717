import type { EscapeCharacter } from './directives.ts';

/** A here-document of RUN, COPY or ADD. */
export interface Heredoc {
  /** The word as it stands in the line, `<<-"EOF"`. */
  readonly word: string;
  /** Terminator; for COPY and ADD also the file's name. */
  readonly name: string;
  /** `<<-`: leading tabs of the body and the terminator are dropped. */
  readonly chomp: boolean;
  /** The builder expands variables in the body (COPY, ADD): the terminator was not quoted. */
  readonly expand: boolean;
  /** The body, with its final newline, tabs as written. */
  readonly body: string;
}

const HEREDOC = /^(\d*)<<(-?)([^<]+)$/;

/** The here-documents that a line announces, in order, bodies still empty. */
export function announcedHeredocs(line: string, escape: EscapeCharacter): Heredoc[] {
  return shellWords(line, escape).flatMap((word) => {
    const heredoc = parseHeredocWord(word);
    return heredoc === undefined ? [] : [heredoc];
  });
}

/** Reads one word as the announcement of a here-document. */
export function parseHeredocWord(word: string): Heredoc | undefined {
  const match = HEREDOC.exec(word);
  const rest = match?.[3];
  if (match === null || rest === undefined || /\s/.test(rest)) return undefined;
  const name = rest.replace(/(["'])(.*?)\1/g, '$2');
  if (name === '') return undefined;
  return { word, name, chomp: match[2] === '-', expand: name === rest, body: '' };
}

/** The body as its reader sees it: without leading tabs if `<<-` was written. */
export function bodyOf(heredoc: Heredoc): string {
  return heredoc.chomp ? heredoc.body.replace(/^\t+/gm, '') : heredoc.body;
}

/** Words split at blanks that are neither quoted nor escaped; quotes are kept. */
function shellWords(line: string, escape: EscapeCharacter): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? '';
    if (quote === '' && /\s/.test(c)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    if (c === escape && quote !== "'") {
      word += c + (line[++i] ?? '');
      continue;
    }
    if (quote === '' && (c === '"' || c === "'")) quote = c;
    else if (c === quote) quote = '';
    word += c;
  }
  if (word !== '') words.push(word);
  return words;
}
