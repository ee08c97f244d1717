import { isId } from '../../core/ids.ts';
import type { Collection, Database } from '../../storage/index.ts';
import { ambiguousContainer, containerNotFound, invalidContainerRef, nameConflict } from '../errors.ts';
import type { ContainerRecord } from './record.ts';
import type { ContainerEvent } from './state.ts';
import { next } from './state.ts';

/** All containers, in memory and in the database; each change is one transaction. */
export class ContainerStore {
  readonly #db: Database;
  readonly #collection: Collection<ContainerRecord>;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #idByName = new Map<string, string>();

  constructor(db: Database) {
    this.#db = db;
    this.#collection = db.collection<ContainerRecord>('containers');
    for (const [id, record] of this.#collection.entries()) {
      this.#records.set(id, record);
      this.#idByName.set(record.name, id);
    }
  }

  /** In order of creation. */
  all(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  /** By full ID. */
  find(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** By full ID, for a container that must be there. @throws {WharfError} `CONTAINER_NOT_FOUND` */
  get(id: string): ContainerRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw containerNotFound({ ref: id });
    return record;
  }

  /**
   * By full ID, name (with or without a leading slash), or unambiguous prefix of an ID, in this order.
   * @throws {WharfError} `CONTAINER_NOT_FOUND`, `AMBIGUOUS_CONTAINER`, `INVALID_CONTAINER_REF`
   */
  lookup(ref: string): ContainerRecord {
    if (ref === '') throw invalidContainerRef({ ref });
    const byId = isId(ref) ? this.#records.get(ref) : undefined;
    if (byId !== undefined) return byId;
    const named = this.#idByName.get(ref.replace(/^\//, ''));
    if (named !== undefined) return this.get(named);
    let found: ContainerRecord | undefined;
    if (/^[a-f0-9]{1,64}$/.test(ref)) {
      for (const record of this.#records.values()) {
        if (!record.id.startsWith(ref)) continue;
        if (found !== undefined) throw ambiguousContainer({ ref });
        found = record;
      }
    }
    if (found === undefined) throw containerNotFound({ ref });
    return found;
  }

  isNameTaken(name: string): boolean {
    return this.#idByName.has(name);
  }

  /** Keeps a name for a container that is being made. @throws {WharfError} `CONTAINER_NAME_IN_USE` */
  reserveName(name: string, id: string): Disposable {
    const holder = this.#idByName.get(name);
    if (holder !== undefined && holder !== id) throw nameConflict({ name, holder });
    this.#idByName.set(name, id);
    return {
      [Symbol.dispose]: () => {
        if (this.#records.get(id)?.name !== name && this.#idByName.get(name) === id) this.#idByName.delete(name);
      },
    };
  }

  put(record: ContainerRecord): ContainerRecord {
    const before = this.#records.get(record.id);
    this.#db.transaction(() => this.#collection.put(record.id, record));
    this.#records.set(record.id, record);
    if (before !== undefined && before.name !== record.name && this.#idByName.get(before.name) === record.id) {
      this.#idByName.delete(before.name);
    }
    this.#idByName.set(record.name, record.id);
    return record;
  }

  /** Replaces some fields. @throws {WharfError} `CONTAINER_NOT_FOUND` */
  change(id: string, fields: Partial<Omit<ContainerRecord, 'id'>>): ContainerRecord {
    return this.put({ ...this.get(id), ...fields });
  }

  /** Takes the container to its next state, with other fields in the same transaction. */
  apply(
    id: string,
    event: ContainerEvent,
    fields: Partial<Omit<ContainerRecord, 'id' | 'state'>> = {},
  ): ContainerRecord {
    const record = this.get(id);
    return this.put({ ...record, ...fields, state: next(record.state, event) });
  }

  delete(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    this.#db.transaction(() => this.#collection.delete(id));
    this.#records.delete(id);
    if (this.#idByName.get(record.name) === id) this.#idByName.delete(record.name);
  }
}
