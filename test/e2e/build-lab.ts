import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { Builder, BuildRequest } from '../../src/build/index.ts';
import { openBuilder } from '../../src/build/index.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { ProgressMessage } from '../../src/core/wire/resources.ts';
import type { Engine } from '../../src/engine/index.ts';
import { busyboxTar } from './support/busybox.ts';
import type { Census } from './support/census.ts';
import { assertNothingLeft, takeCensus } from './support/census.ts';
import { openEngineAt } from './support/engine.ts';

/** Files of a context by path: text, a mode and a text, or a link's target. */
export type Files = Readonly<Record<string, string | Buffer | { mode: number; text: string } | { link: string }>>;

/** Every part of an engine in this process, on roots of its own, with `busybox:latest` in it. */
export interface BuildLab {
  readonly engine: Engine;
  readonly builder: Builder;
  readonly directory: string;
  /** Builds; `text` is all that was said. */
  build(
    files: Files,
    request?: Partial<BuildRequest>,
    signal?: AbortSignal,
    onMessage?: (m: ProgressMessage) => void,
  ): Promise<{ readonly id: string; readonly text: string }>;
  /** Closes everything and opens it again on the same roots. */
  reopen(): Promise<void>;
  /** Keys of snapshots that builds have. */
  snapshots(): string[];
}

/** Opens a lab; afterwards fails if anything is left in the kernel or in temporary directories. */
export async function withLab(body: (lab: BuildLab) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-build-'));
  const before = ours(directory);
  const umask = process.umask(0o022);
  try {
    const lab = new Lab(directory);
    try {
      await lab.open();
      await lab.engine.images.import(
        Readable.from([await busyboxTar()]),
        { repository: 'busybox', tag: 'latest', message: '', change: (config) => ({ ...config, Cmd: ['sh'] }) },
        AbortSignal.timeout(60_000),
      );
      await body(lab);
    } finally {
      await lab.close();
    }
    assertNothingLeft(before, ours(directory));
  } finally {
    process.umask(umask);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What carries the mark of this lab: others may run beside it. */
function ours(directory: string): Census {
  const { namespaces: _, ...lists } = takeCensus({ roots: [directory] });
  const marks = [directory, instanceOf(directory)];
  const marked = (names: readonly string[]) => names.filter((name) => marks.some((mark) => name.includes(mark)));
  return {
    namespaces: [],
    mounts: marked(lists.mounts),
    links: marked(lists.links),
    tables: marked(lists.tables),
    cgroups: marked(lists.cgroups),
    processes: lists.processes,
    temporaryFiles: lists.temporaryFiles,
  };
}

function instanceOf(directory: string): string {
  return createHash('sha256').update(directory).digest('hex').slice(0, 6);
}

class Lab implements BuildLab {
  readonly directory: string;
  engine!: Engine;
  builder!: Builder;
  #opened = new AsyncDisposableStack();

  constructor(directory: string) {
    this.directory = directory;
  }

  async open(): Promise<void> {
    const dataRoot = join(this.directory, 'data');
    const execRoot = join(this.directory, 'exec');
    const instance = instanceOf(this.directory);
    const log = silentLogger;
    await using opened = new AsyncDisposableStack();
    const pool = { base: '10.215.0.0/16', size: 24 };
    this.engine = opened.use(await openEngineAt(this.directory, instance, pool)).engine;
    opened.defer(() => this.engine.shutdown());
    this.builder = opened.use(await openBuilder({ engine: this.engine, dataRoot, execRoot, instance, log }));
    this.#opened = opened.move();
  }

  async close(): Promise<void> {
    await this.#opened.disposeAsync();
  }

  async reopen(): Promise<void> {
    await this.close();
    await this.open();
  }

  snapshots(): string[] {
    return this.engine.parts.storage.snapshots
      .list()
      .map(({ key }) => key)
      .filter((key) => key.startsWith('build-'));
  }

  async build(
    files: Files,
    request: Partial<BuildRequest> = {},
    signal = AbortSignal.timeout(120_000),
    onMessage: (m: ProgressMessage) => void = () => undefined,
  ) {
    let text = '';
    const id = await this.builder.build(
      { ...DEFAULTS, context: contextOf(files), ...request },
      (m) => {
        text += m.stream ?? '';
        onMessage(m);
      },
      signal,
    );
    return { id, text };
  }
}

const DEFAULTS: Omit<BuildRequest, 'context'> = {
  dockerfile: 'Dockerfile',
  tags: [],
  buildArgs: {},
  labels: {},
  target: '',
  noCache: false,
  pull: false,
  quiet: false,
  networkMode: 'default',
  extraHosts: [],
  cacheFrom: [],
  shmSizeBytes: undefined,
  platform: '',
  registryConfig: {},
};

/** A context's tar. Owners are not root, as those of a user's files; `mtime` changes from call to call. */
function contextOf(files: Files): Readable {
  const tar = pack();
  const owner = { uid: 1000, gid: 1000 };
  for (const [name, file] of Object.entries(files)) {
    if (name.endsWith('/')) tar.entry({ ...owner, name, type: 'directory', mode: 0o755 });
    else if (typeof file === 'string' || Buffer.isBuffer(file)) tar.entry({ ...owner, name, mode: 0o644 }, file);
    else if ('link' in file) tar.entry({ ...owner, name, type: 'symlink', linkname: file.link });
    else tar.entry({ ...owner, name, mode: file.mode }, file.text);
  }
  tar.finalize();
  return Readable.from(tar);
}
