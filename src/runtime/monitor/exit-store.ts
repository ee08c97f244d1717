import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExitRecord } from '../contract.ts';

/**
 * Exits that nobody has acknowledged, a small file each, in order of time by name. A record is there in full or not at all,
 * and stays until `remove`, whoever dies in between.
 */
export class ExitStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  add(record: ExitRecord): void {
    const file = join(this.#directory, fileName(record));
    // Not brought to disk: it must outlive processes, and with the machine the container goes as well.
    writeFileSync(`${file}.tmp`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  }

  /** Idempotent. */
  remove(record: ExitRecord): void {
    rmSync(join(this.#directory, fileName(record)), { force: true });
  }

  list(): ExitRecord[] {
    return readdirSync(this.#directory)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => JSON.parse(readFileSync(join(this.#directory, name), 'utf8')) as ExitRecord);
  }

  has(containerId: string): boolean {
    return this.list().some((record) => record.containerId === containerId && record.execId === undefined);
  }
}

function fileName(record: ExitRecord): string {
  const exec = record.execId === undefined ? '' : `-${record.execId}`;
  return `${record.at.replaceAll(/[^0-9TZ.]/g, '')}-${record.containerId}${exec}.json`;
}
