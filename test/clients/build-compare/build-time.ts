/**
 * The only files whose content is not compared as it is, in images that were built with real package managers. Path, kind,
 * mode, owner and extended attributes of all of them are.
 */
const BUILD_TIME: readonly (readonly [path: RegExp, read: (content: Buffer) => Buffer])[] = [
  // A line for each thing done, with the time when it was: all but the times is compared.
  [/^\/var\/log\/(dpkg|alternatives|apt\/history|apt\/term)\.log$/, withoutTimes],
  // What pip compiles has the time of its source, which pip has just unpacked, in four bytes of its header.
  [/\.pyc$/, withoutSourceTime],
  // Inode numbers and times of change of the libraries.
  [/^\/var\/cache\/ldconfig\/aux-cache$/, nothing],
  // Images of apt's memory: addresses, and the times of the package lists.
  [/^\/var\/cache\/apt\/(src)?pkgcache\.bin$/, nothing],
];

/** How to read a file whose content tells when or where it was made. Undefined for all others. */
export function contentOf(path: string): ((content: Buffer) => Buffer) | undefined {
  return BUILD_TIME.find(([pattern]) => pattern.test(path))?.[1];
}

function withoutTimes(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replace(/\d{4}-\d\d-\d\d +\d\d:\d\d:\d\d/g, 'TIME'), 'latin1');
}

/** @see PEP 552: magic number, flags, time and size of the source; with flags, a hash of it in their place */
function withoutSourceTime(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  if (copy.length >= 16 && copy.readUInt32LE(4) === 0) copy.writeUInt32LE(0, 8);
  return copy;
}

function nothing(): Buffer {
  return Buffer.alloc(0);
}
