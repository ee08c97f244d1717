import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { badRegistryOption } from '../errors.ts';

/** Compares a password with a hash of crypt(3)'s form, `$2y$…` for example. */
export type VerifyPassword = (password: string, hash: string) => boolean;

/** Users of an htpasswd file, which is read again when it changes. */
export class Access {
  readonly #path: string;
  readonly #verify: VerifyPassword;
  #users = new Map<string, string>();
  #read = '';
  /** Digests of headers that were right: bcrypt is slow on purpose, and clients send it with each request. */
  readonly #good = new Set<string>();

  /** @throws {WharfError} `BAD_REGISTRY_OPTION` if the file cannot be read */
  constructor(path: string, verify: VerifyPassword) {
    this.#path = path;
    this.#verify = verify;
    this.#reload();
  }

  /** Whether an `Authorization` header is a known user's. */
  allows(header: string | undefined): boolean {
    const encoded = /^basic\s+(\S+)$/i.exec(header ?? '')?.[1];
    if (encoded === undefined) return false;
    this.#reload();
    const key = createHash('sha256').update(encoded).digest('base64');
    if (this.#good.has(key)) return true;
    const text = Buffer.from(encoded, 'base64').toString();
    const colon = text.indexOf(':');
    const hash = this.#users.get(text.slice(0, Math.max(0, colon)));
    if (colon < 0 || hash === undefined || !this.#matches(text.slice(colon + 1), hash)) return false;
    this.#good.add(key);
    return true;
  }

  #matches(password: string, hash: string): boolean {
    if (!hash.startsWith('{SHA}')) return this.#verify(password, hash);
    const want = Buffer.from(hash.slice('{SHA}'.length), 'base64');
    const got = createHash('sha1').update(password).digest();
    return want.length === got.length && timingSafeEqual(want, got);
  }

  #reload(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.#read) return;
      const lines = readFileSync(this.#path, 'utf8').split('\n');
      this.#users = new Map(
        lines.flatMap((line): [string, string][] => {
          const m = /^([^#:][^:]*):(\S+)\s*$/.exec(line);
          return m ? [[m[1] ?? '', m[2] ?? '']] : [];
        }),
      );
      this.#good.clear();
      this.#read = version;
    } catch (e) {
      // A file that is being replaced must not let everybody in, nor end the registry.
      if (this.#read !== '') return;
      throw badRegistryOption({ why: `cannot read ${this.#path}: ${(e as Error).message}` }, { cause: e });
    }
  }
}
