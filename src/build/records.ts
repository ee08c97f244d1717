import { newId } from '../core/ids.ts';
import type { Collection, Database } from '../storage/index.ts';
import type { BuildRecord } from '../core/wire/build.ts';
import type { BuildRequest } from './contract.ts';
import type { Reporter } from './solve/reporter.ts';

const MOST = 200;

/** What builds of the past did. */
export class BuildHistory {
  readonly #records: Collection<BuildRecord>;

  constructor(db: Database) {
    this.#records = db.collection<BuildRecord>('build-history');
  }

  /** Begins one record, which is kept when it ends. */
  begin(request: BuildRequest, reporter: Reporter) {
    const id = newId().slice(0, 24);
    const startedAt = new Date();
    return {
      end: (status: BuildRecord['status'], { image, error }: { image?: string; error?: string }): void => {
        this.#records.put(id, {
          id,
          startedAt: startedAt.toISOString(),
          ms: Date.now() - startedAt.getTime(),
          status,
          dockerfile: request.dockerfile,
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

  /** Forgets the oldest of too many. */
  trim(): void {
    const all = this.#records.entries();
    for (const [id] of all.slice(0, Math.max(0, all.length - MOST))) this.#records.delete(id);
  }
}
