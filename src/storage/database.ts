import { closeSync, fdatasync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Collection, Database } from './contract.ts';
import { dataRootTooNew, noSpaceLeft } from './errors.ts';
import type { Reserve } from './reserve.ts';

const SCHEMA = 1;
/** SQLite's result codes: no room, for rows or for the index of its log. */
const SQLITE_FULL = 13;
const SQLITE_IOERR_SHMSIZE = 4874;

/** The metadata database: one table of JSON documents. See `Database`. */
export class SqliteDatabase implements Database {
  readonly #db: DatabaseSync;
  readonly #collections = new Map<string, Collection<unknown>>();
  #depth = 0;
  #durable = false;
  #syncsFull = false;
  readonly #path: string;
  #log: number | undefined;
  #sync: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;
  readonly #reserve: Reserve | undefined;

  /**
   * @param reserve given up when the disk is full
   * @throws {WharfError} `DATA_ROOT_TOO_NEW`
   */
  constructor(path: string, reserve?: Reserve) {
    this.#path = path;
    this.#reserve = reserve;
    this.#db = new DatabaseSync(path);
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;');
    const found = Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
    if (found > SCHEMA) {
      this.#db.close();
      throw dataRootTooNew({ path, found, known: SCHEMA });
    }
    if (found === 0) {
      this.#db.exec(`BEGIN;
        CREATE TABLE documents (
          seq INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL,
          UNIQUE (collection, key)
        ) STRICT;
        PRAGMA user_version = ${SCHEMA}; COMMIT;`);
    }
  }

  collection<T>(name: string): Collection<T> {
    let found = this.#collections.get(name);
    if (!found) {
      found = new SqliteCollection<unknown>(this.#db, name, (write) => this.#write(write));
      this.#collections.set(name, found);
    }
    return found as Collection<T>;
  }

  transaction<T>(fn: () => T, options: { readonly durable?: boolean } = {}): T {
    if (options.durable) this.#durable = true;
    if (this.#depth > 0) {
      this.#depth++;
      try {
        return fn();
      } finally {
        this.#depth--;
      }
    }
    return this.#write(() => this.#run(fn));
  }

  #run<T>(fn: () => T): T {
    if (this.#syncsFull !== this.#durable) {
      this.#db.exec(`PRAGMA synchronous = ${this.#durable ? 'FULL' : 'NORMAL'}`);
      this.#syncsFull = this.#durable;
    }
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth = 1;
    try {
      const result = fn();
      this.#db.exec('COMMIT');
      // A durable call inside one that was not: what the log holds is brought to disk now.
      if (this.#durable && !this.#syncsFull) this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
      return result;
    } catch (e) {
      // On a full disk SQLite has done so by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw e;
    } finally {
      this.#depth = 0;
      this.#durable = false;
    }
  }

  /** Once more with the reserve given up, if there was no room. */
  #write<T>(write: () => T): T {
    if (this.#depth > 0) return write();
    const durable = this.#durable;
    try {
      this.#reserve?.restore();
      return write();
    } catch (e) {
      if (!isDiskFull(e)) throw e;
      if (!this.#reserve?.release()) throw noSpaceLeft({ path: this.#path }, { cause: e });
      this.#durable = durable;
      return write();
    }
  }

  synced(): Promise<void> {
    // What is committed while one sync is under way is the next one's.
    return (this.#nextSync ??= (this.#sync ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#nextSync = undefined;
        this.#sync = this.#syncLog();
        return this.#sync;
      }));
  }

  #syncLog(): Promise<void> {
    const fd = (this.#log ??= openSync(`${this.#path}-wal`, 'r'));
    return new Promise((resolve, reject) => {
      fdatasync(fd, (e) => (e ? reject(e) : resolve()));
    });
  }

  close(): void {
    if (this.#log !== undefined) closeSync(this.#log);
    this.#log = undefined;
    this.#db.close();
  }
}

function isDiskFull(e: unknown): boolean {
  const code = typeof e === 'object' && e !== null && 'errcode' in e ? Number(e.errcode) : 0;
  return (code & 0xff) === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE;
}

class SqliteCollection<T> implements Collection<T> {
  readonly #name: string;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #entries: StatementSync;

  readonly #write: <R>(write: () => R) => R;

  constructor(db: DatabaseSync, name: string, write: <R>(write: () => R) => R) {
    this.#name = name;
    this.#write = write;
    this.#get = db.prepare('SELECT json FROM documents WHERE collection = ? AND key = ?');
    this.#put = db.prepare(
      'INSERT INTO documents (collection, key, json) VALUES (?, ?, ?) ON CONFLICT (collection, key) DO UPDATE SET json = excluded.json',
    );
    this.#delete = db.prepare('DELETE FROM documents WHERE collection = ? AND key = ?');
    this.#entries = db.prepare('SELECT key, json FROM documents WHERE collection = ? ORDER BY seq');
  }

  get(key: string): T | undefined {
    const row = this.#get.get(this.#name, key);
    return row === undefined ? undefined : (JSON.parse(String(row['json'])) as T);
  }
  put(key: string, document: T): void {
    this.#write(() => this.#put.run(this.#name, key, JSON.stringify(document)));
  }
  delete(key: string): boolean {
    return Number(this.#write(() => this.#delete.run(this.#name, key)).changes) > 0;
  }
  entries(): readonly (readonly [key: string, document: T])[] {
    return this.#entries
      .all(this.#name)
      .map((row) => [String(row['key']), JSON.parse(String(row['json'])) as T] as const);
  }
}
