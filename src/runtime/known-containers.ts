import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeProgram } from './monitor/protocol.ts';

/** What must be known of a container to act on it, also by a daemon that did not create it. */
export interface KnownContainer {
  readonly program: RuntimeProgram;
  readonly cgroupPath: string;
  /** First argument of its process, for error texts. */
  readonly tty: boolean;
  /** It is in a user namespace. */
  readonly mapped?: boolean;
}

/** A small file for each container below the exec root, gone with a reboot as the containers are. */
export class KnownContainers {
  readonly #directory: string;
  readonly #cache = new Map<string, KnownContainer>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  set(containerId: string, known: KnownContainer): void {
    const file = this.#file(containerId);
    writeFileSync(`${file}.tmp`, JSON.stringify(known), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
    this.#cache.set(containerId, known);
  }

  find(containerId: string): KnownContainer | undefined {
    const cached = this.#cache.get(containerId);
    if (cached !== undefined) return cached;
    try {
      const known = JSON.parse(readFileSync(this.#file(containerId), 'utf8')) as KnownContainer;
      this.#cache.set(containerId, known);
      return known;
    } catch {
      return undefined;
    }
  }

  ids(): string[] {
    return readdirSync(this.#directory).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
  }

  delete(containerId: string): void {
    this.#cache.delete(containerId);
    rmSync(this.#file(containerId), { force: true });
  }

  #file(containerId: string): string {
    return join(this.#directory, `${containerId}.json`);
  }
}
