/**
 * Names in tars and on disk are bytes, not always UTF-8. Here they are "byte strings": one character a byte (latin1), which
 * compare, split and hash like any string; `diskPath` turns one into what `node:fs` takes.
 */
export type ByteString = string;

export type EntryType = 'file' | 'directory' | 'symlink' | 'link' | 'char' | 'block' | 'fifo';

/** One member of a tar. */
export interface TarEntry {
  readonly name: ByteString;
  readonly type: EntryType;
  /** Permissions with set-uid, set-gid and sticky bit. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Only pieces of its content follow; between them are holes. */
  readonly sparse?: boolean;
  readonly mtimeNanos: bigint;
  /** Of links: the target. */
  readonly linkname: ByteString;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: readonly (readonly [name: string, value: Buffer])[];
}

/** A path for `node:fs`. */
export function diskPath(bytes: ByteString): string | Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}
/** A name for people; what is not UTF-8 shows as replacement characters. */
export function displayName(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}
export function byteString(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
export function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text);
}
