import type { EscapeCharacter } from './directives.ts';
import type { Heredoc } from './heredoc.ts';
import type { RunMount } from './run-mount.ts';
import type { Pair } from './words.ts';

/** Where an instruction stands, and its text as `Step n/m` shows it. */
export interface Located {
  readonly line: number;
  readonly column: number;
  /** Its last line, with the bodies of here-documents. */
  readonly lastLine: number;
  readonly source: string;
}

export type Command =
  | { readonly form: 'shell'; readonly text: string }
  | { readonly form: 'exec'; readonly args: readonly string[] };

/** Health check as written; times in nanoseconds, 0: not given. */
export interface HealthcheckSpec {
  readonly command: Command | 'none';
  readonly intervalNanos: number;
  readonly timeoutNanos: number;
  readonly startPeriodNanos: number;
  readonly startIntervalNanos: number;
  readonly retries: number;
}

export interface CopySpec {
  /** Paths, patterns and (ADD) URLs. */
  readonly sources: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly destination: string;
  /** `undefined`: the build context. */
  readonly from: string | undefined;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly checksum: string | undefined;
  readonly unpack: boolean | undefined;
  readonly exclude: readonly string[];
  /** The directories above a source are kept. */
  readonly parents: boolean;
  readonly keepGitDirectory: boolean;
}

interface Kinds {
  from: { readonly image: string; readonly platform: string | undefined; readonly name: string | undefined };
  arg: { readonly args: readonly { readonly name: string; readonly value: string | undefined }[] };
  run: {
    readonly command: Command;
    readonly heredocs: readonly Heredoc[];
    readonly mounts: readonly RunMount[];
    readonly network: 'default' | 'none' | 'host';
  };
  cmd: { readonly command: Command };
  entrypoint: { readonly command: Command };
  env: { readonly pairs: readonly Pair[] };
  label: { readonly pairs: readonly Pair[] };
  copy: CopySpec;
  add: CopySpec;
  workdir: { readonly path: string };
  expose: { readonly ports: readonly string[] };
  volume: { readonly paths: readonly string[] };
  user: { readonly user: string };
  maintainer: { readonly name: string };
  healthcheck: HealthcheckSpec;
  shell: { readonly shell: readonly string[] };
  stopsignal: { readonly signal: string };
  /** The text with the bodies of its here-documents. */
  onbuild: { readonly trigger: string };
}

export type InstructionKind = keyof Kinds;
export type Instruction<K extends InstructionKind = InstructionKind> = {
  [P in K]: { readonly kind: P } & Readonly<Kinds[P]> & Located;
}[K];

export interface Stage {
  readonly index: number;
  /** Lower case; `undefined`: no AS. */
  readonly name: string | undefined;
  readonly from: Instruction<'from'>;
  readonly steps: readonly Instruction[];
}

export interface Dockerfile {
  /** Name as the build was asked for it, for messages. */
  readonly file: string;
  readonly escape: EscapeCharacter;
  readonly globalArgs: readonly Instruction<'arg'>[];
  readonly stages: readonly Stage[];
  readonly lines: readonly string[];
  /** Value of the `check` directive. */
  readonly check: string | undefined;
  /** Lines of instructions that go on after an empty line. */
  readonly emptyContinuations: readonly number[];
}
