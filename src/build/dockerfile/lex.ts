import { dockerfileError, dockerfileUnusable } from '../errors.ts';
import type { Directives, EscapeCharacter } from './directives.ts';
import { readDirectives } from './directives.ts';
import type { Heredoc } from './heredoc.ts';
import { announcedHeredocs } from './heredoc.ts';

/** One instruction of a Dockerfile: continuation lines joined, nothing interpreted yet. */
export interface RawInstruction {
  /** As written. */
  readonly keyword: string;
  /** What follows the keyword, trimmed. */
  readonly rest: string;
  /** The whole instruction on one line, as `Step n/m` shows it. */
  readonly source: string;
  /** Line and column of the keyword, from 1. */
  readonly line: number;
  readonly column: number;
  /** Its last line, bodies of here-documents with it. */
  readonly lastLine: number;
  /** The comments between the one before and it, without `#`. */
  readonly comment: readonly string[];
  readonly heredocs: readonly Heredoc[];
}

export interface LexedDockerfile {
  readonly directives: Directives;
  readonly instructions: readonly RawInstruction[];
  /** The file's lines, for excerpts in errors. */
  readonly lines: readonly string[];
  /** Lines of instructions that go on after an empty line. */
  readonly emptyContinuations: readonly number[];
}

const MAX_LINE_BYTES = 65535;
const HEREDOC_KEYWORD = /^(?:onbuild\s+)?(?:run|copy|add)\b/i;

/**
 * Cuts a Dockerfile into instructions. Comments go, also those between continuation lines; the bodies of here-documents are
 * taken as they are.
 * @throws {WharfError} `DOCKERFILE_UNUSABLE` if there is no instruction, `DOCKERFILE_PARSE_ERROR` at an unterminated heredoc
 */
export function lexDockerfile(text: string, file: string): LexedDockerfile {
  const written = text.replace(/^\uFEFF/, '').split('\n');
  if (written.at(-1) === '') written.pop();
  const lines = written.map((line) => line.replace(/\r$/, ''));
  const top = { file, line: 1, column: 1 };
  if (lines.length === 0)
    throw dockerfileUnusable({ message: `the Dockerfile (${file}) cannot be empty` }, { at: top });
  const odd = lines.findIndex((line) => line.includes('\0'));
  if (odd >= 0) {
    const message = `the Dockerfile (${file}) is no text: there is a NUL character in line ${odd + 1}`;
    throw dockerfileUnusable({ message }, { at: { file, line: odd + 1, column: 1 } });
  }
  const directives = readDirectives(lines, file);
  const instructions: RawInstruction[] = [];
  const emptyContinuations: number[] = [];
  let next = 0;
  let comment: string[] = [];
  while (next < lines.length) {
    const start = next;
    const first = lines[next++] ?? '';
    checkLength(first, start + 1, file);
    if (isComment(first)) comment.push(first.trim().slice(1).trim());
    if (first.trim() === '' || isComment(first)) continue;
    let { text: joined, open } = cutContinuation(first.trimStart(), directives.escape);
    while (open && next < lines.length) {
      const line = lines[next++] ?? '';
      checkLength(line, next, file);
      if (line.trim() === '') {
        if (emptyContinuations.at(-1) !== start + 1) emptyContinuations.push(start + 1);
        continue;
      }
      if (isComment(line)) continue;
      const cut = cutContinuation(line, directives.escape);
      joined += cut.text;
      open = cut.open;
    }
    const announced = HEREDOC_KEYWORD.test(joined) ? announcedHeredocs(joined, directives.escape) : [];
    const heredocs = announced.map((heredoc) => {
      const body = takeBody(heredoc, written, next);
      if (body === undefined) {
        const at = {
          file,
          line: start + 1,
          column: first.length - first.trimStart().length + 1,
          lastLine: lines.length,
        };
        throw dockerfileError({ line: start + 1, message: 'unterminated heredoc' }, { at });
      }
      next = body.next;
      return { ...heredoc, body: body.text };
    });
    const source = joined.trim();
    const space = source.search(/\s/);
    instructions.push({
      keyword: space < 0 ? source : source.slice(0, space),
      rest: space < 0 ? '' : source.slice(space).trim(),
      source,
      line: start + 1,
      column: first.length - first.trimStart().length + 1,
      lastLine: next,
      comment,
      heredocs,
    });
    comment = [];
  }
  if (instructions.length === 0) throw dockerfileUnusable({ message: 'file with no instructions' }, { at: top });
  return { directives, instructions, lines, emptyContinuations };
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('#');
}

/** Takes the escape at the end of a line away. A doubled one is none. */
function cutContinuation(line: string, escape: EscapeCharacter): { text: string; open: boolean } {
  const end = line.replace(/[ \t]+$/, '');
  if (!end.endsWith(escape) || end.endsWith(escape + escape)) return { text: line, open: false };
  return { text: end.slice(0, -1), open: true };
}

function takeBody(
  heredoc: Heredoc,
  lines: readonly string[],
  from: number,
): { text: string; next: number } | undefined {
  let text = '';
  for (let i = from; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const end = line.replace(/\r$/, '');
    if ((heredoc.chomp ? end.replace(/^\t+/, '') : end) === heredoc.name) return { text, next: i + 1 };
    text += `${line}\n`;
  }
  return undefined;
}

function checkLength(line: string, number: number, file: string): void {
  if (line.length <= MAX_LINE_BYTES && Buffer.byteLength(line) <= MAX_LINE_BYTES) return;
  const message = `dockerfile line greater than max allowed size of ${MAX_LINE_BYTES}`;
  throw dockerfileError({ line: number, message }, { at: { file, line: number, column: 1 } });
}
