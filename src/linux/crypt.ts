import { timingSafeEqual } from 'node:crypto';
import koffi from 'koffi';

type Crypt = (key: string, setting: string) => string | null;
let crypt: Crypt | undefined;

/**
 * Compares a password with a hash of crypt(3): bcrypt (`$2y$`, what `htpasswd -B` writes), SHA-512 (`$6$`), yescrypt and the
 * rest that the machine's libcrypt knows. What it does not know matches nothing.
 * @throws {Error} where there is no libcrypt
 */
export function passwordMatches(password: string, hash: string): boolean {
  const made = (crypt ??= load())(password, hash);
  if (made === null || made.startsWith('*')) return false;
  const a = Buffer.from(made);
  const b = Buffer.from(hash);
  return a.length === b.length && timingSafeEqual(a, b);
}

function load(): Crypt {
  let failure: unknown;
  for (const name of ['libcrypt.so.1', 'libcrypt.so.2']) {
    try {
      return koffi.load(name).func('const char *crypt(const char *key, const char *setting)') as Crypt;
    } catch (e) {
      failure = e;
    }
  }
  throw failure;
}
