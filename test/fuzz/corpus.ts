import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const DIRECTORY = fileURLToPath(new URL('corpus/', import.meta.url));
/** Room for one target's inputs in the repository, in characters; the shortest are kept. */
const ROOM = 36_000;

/** Inputs that are worth trying again: each reaches something that no shorter one does, or once failed. */
export function readCorpus(target: string): Buffer[] {
  const path = join(DIRECTORY, `${target}.jsonl`);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean).map(decode) : [];
}

/** Keeps as many of the inputs as there is room for. Gives their number. */
export function writeCorpus(target: string, inputs: readonly Buffer[]): number {
  const lines: string[] = [];
  let room = ROOM;
  for (const line of new Set(inputs.toSorted((a, b) => a.length - b.length || a.compare(b)).map(encode))) {
    room -= line.length + 1;
    if (room < 0) break;
    lines.push(line);
  }
  mkdirSync(DIRECTORY, { recursive: true });
  writeFileSync(join(DIRECTORY, `${target}.jsonl`), lines.map((line) => `${line}\n`).join(''));
  return lines.length;
}

/** Text as a JSON string; what is no text as base64, deflated if that is shorter. */
function encode(input: Buffer): string {
  const text = input.toString();
  if (Buffer.from(text).equals(input)) return JSON.stringify(text);
  const deflated = deflateRawSync(input, { level: 9 });
  return JSON.stringify(
    deflated.length < input.length ? { deflated: deflated.toString('base64') } : { base64: input.toString('base64') },
  );
}

function decode(line: string): Buffer {
  const value = JSON.parse(line) as string | { deflated: string } | { base64: string };
  if (typeof value === 'string') return Buffer.from(value);
  return 'base64' in value
    ? Buffer.from(value.base64, 'base64')
    : inflateRawSync(Buffer.from(value.deflated, 'base64'));
}
