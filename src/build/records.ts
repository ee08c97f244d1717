import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { invalidParameter } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { BuildEvent, BuildRecord } from '../core/wire/build.ts';
import type { Collection, Database } from '../storage/index.ts';
import type { BuildRequest, LoggedEvent } from './contract.ts';
import type { Reporter } from './solve/reporter.ts';

const MOST = 200;
/** Beyond this, what commands of one build say is not kept. */
const MOST_LOG_CHARS = 4 * 1024 * 1024;

/** What builds of the past did, and what they said. */
export class BuildHistory {
  readonly #records: Collection<BuildRecord>;
  readonly #logs: string;

  /** @param logs a directory for what builds said */
  constructor(db: Database, logs: string) {
    this.#records = db.collection<BuildRecord>('build-history');
    this.#logs = logs;
  }

  /** Begins one record, which is kept when it ends. */
  begin(request: BuildRequest, reporter: Reporter) {
    const { ref } = request.extras ?? {};
    const id = ref !== undefined && /^\w{1,64}$/.test(ref) ? ref : newId().slice(0, 24);
    const startedAt = new Date();
    const begun = performance.now();
    const log: LoggedEvent[] = [];
    let chars = 0;
    return {
      take: (event: BuildEvent): void => {
        if (event.kind === 'output') {
          chars += event.text.length;
          if (chars > MOST_LOG_CHARS) return;
        }
        log.push([Math.round(performance.now() - begun), event]);
      },
      end: (status: BuildRecord['status'], { image, error }: { image?: string; error?: string }): void => {
        this.#writeLog(id, log);
        this.#records.put(id, {
          id,
          startedAt: startedAt.toISOString(),
          ms: Date.now() - startedAt.getTime(),
          status,
          dockerfile: request.extras?.dockerfileName ?? request.dockerfile,
          target: request.target,
          tags: request.tags,
          image,
          error,
          steps: reporter.steps,
        });
      },
    };
  }

  list(): readonly BuildRecord[] {
    return this.#records
      .entries()
      .map(([, record]) => record)
      .toReversed();
  }

  /** What a build said, in the order in which it was told. @throws {WharfError} `INVALID_PARAMETER` if there is none */
  log(id: string): readonly LoggedEvent[] {
    if (this.#records.get(id) === undefined) throw invalidParameter({ message: `no such build: ${id}` });
    try {
      return JSON.parse(gunzipSync(readFileSync(this.#pathOf(id))).toString()) as LoggedEvent[];
    } catch {
      return []; // one of before logs were kept, or damaged
    }
  }

  /** Success means that it is not there. Whether it was there is told. */
  remove(id: string): boolean {
    const there = this.#records.delete(id);
    if (there) rmSync(this.#pathOf(id), { force: true });
    return there;
  }

  /** Forgets the oldest of too many. */
  trim(): void {
    const all = this.#records.entries();
    for (const [id] of all.slice(0, Math.max(0, all.length - MOST))) this.remove(id);
  }

  #pathOf(id: string): string {
    return join(this.#logs, `${id}.gz`);
  }

  /** A log is a help, and no reason for a build to fail. */
  #writeLog(id: string, log: readonly LoggedEvent[]): void {
    try {
      mkdirSync(this.#logs, { recursive: true, mode: 0o700 });
      writeFileSync(this.#pathOf(id), gzipSync(JSON.stringify(log), { level: 1 }));
    } catch {
      rmSync(this.#pathOf(id), { force: true });
    }
  }
}
