import type { SourceLocation } from '../../core/wire/build.ts';
import type { Located } from '../dockerfile/instructions.ts';
import { lexDockerfile, type RawInstruction } from '../dockerfile/lex.ts';

/** A Dockerfile's text, for what is said of its instructions beside what they do. */
export class DescribedSource {
  readonly #raw: ReadonlyMap<number, RawInstruction>;
  /** The text as BuildKit's descriptions carry it. */
  readonly encoded: string;

  /** @throws {WharfError} as `parseDockerfile` */
  constructor(text: string, file: string) {
    this.#raw = new Map(lexDockerfile(text, file).instructions.map((raw) => [raw.line, raw]));
    this.encoded = Buffer.from(text).toString('base64');
  }

  locationOf({ line }: Pick<Located, 'line'>): SourceLocation {
    const last = this.#raw.get(line)?.lastLine ?? line;
    const lines = Array.from({ length: last - line + 1 }, (_, i) => line + i);
    return { ranges: lines.map((n) => ({ start: { line: n }, end: { line: n } })) };
  }

  /** What a comment above says of a name: the rest of its first line that begins with it. */
  about({ line }: Pick<Located, 'line'>, name: string): string | undefined {
    const found = this.#raw.get(line)?.comment.find((text) => text.startsWith(`${name} `));
    return found?.slice(name.length + 1);
  }
}
