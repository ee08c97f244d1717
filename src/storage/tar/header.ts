import { type ByteString, type EntryType, isAscii, type TarEntry } from './entry.ts';

const FLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/** The header blocks of one member: ustar, with a PAX header before it for what ustar cannot say. The same entry gives the same bytes. */
export function tarHeader(entry: TarEntry): Buffer {
  const records: [string, Buffer][] = [];
  const record = (key: string, value: string): void => void records.push([key, Buffer.from(value, 'latin1')]);
  const [prefix, name] = splitName(entry.name) ?? ['', undefined];
  if (name === undefined) record('path', entry.name);
  if (entry.linkname.length > 100 || !isAscii(entry.linkname)) record('linkpath', entry.linkname);
  if (entry.uid > MAX_OCTAL_7) record('uid', String(entry.uid));
  if (entry.gid > MAX_OCTAL_7) record('gid', String(entry.gid));
  if (entry.size > MAX_OCTAL_11) record('size', String(entry.size));
  const seconds = entry.mtimeNanos / 1_000_000_000n;
  const fits = entry.mtimeNanos >= 0n && entry.mtimeNanos % 1_000_000_000n === 0n && seconds <= MAX_OCTAL_11;
  if (!fits) record('mtime', decimalSeconds(entry.mtimeNanos));
  for (const [key, value] of entry.xattrs) records.push([`SCHILY.xattr.${key}`, value]);

  const header = ustar({
    name: name ?? entry.name.slice(-100),
    prefix,
    flag: FLAGS[entry.type],
    mode: entry.mode,
    uid: entry.uid > MAX_OCTAL_7 ? 0 : entry.uid,
    gid: entry.gid > MAX_OCTAL_7 ? 0 : entry.gid,
    size: entry.size > MAX_OCTAL_11 ? 0 : entry.size,
    seconds: fits ? Number(seconds) : 0,
    linkname: entry.linkname.slice(0, 100),
    major: entry.major,
    minor: entry.minor,
  });
  if (records.length === 0) return header;
  const body = Buffer.concat(records.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => paxRecord(k, v)));
  const pax = ustar({
    name: 'PaxHeaders.0/entry',
    prefix: '',
    flag: 'x',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    seconds: 0,
    linkname: '',
    major: 0,
    minor: 0,
  });
  return Buffer.concat([pax, body, Buffer.alloc(paddingOf(body.length)), header]);
}

/** Zero bytes that follow `size` bytes of content. */
export function paddingOf(size: number): number {
  return (512 - (size % 512)) % 512;
}

interface Ustar {
  name: ByteString;
  prefix: ByteString;
  flag: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  seconds: number;
  linkname: ByteString;
  major: number;
  minor: number;
}

function ustar(h: Ustar): Buffer {
  const b = Buffer.alloc(512);
  b.write(h.name, 0, 100, 'latin1');
  octal(b, h.mode, 100, 8);
  octal(b, h.uid, 108, 8);
  octal(b, h.gid, 116, 8);
  octal(b, h.size, 124, 12);
  octal(b, h.seconds, 136, 12);
  b.fill(0x20, 148, 156);
  b.write(h.flag, 156, 1, 'latin1');
  b.write(h.linkname, 157, 100, 'latin1');
  b.write('ustar\x0000', 257, 8, 'latin1');
  octal(b, h.major, 329, 8);
  octal(b, h.minor, 337, 8);
  b.write(h.prefix, 345, 155, 'latin1');
  let sum = 0;
  for (const c of b) sum += c;
  b.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return b;
}

function octal(b: Buffer, value: number, at: number, length: number): void {
  b.write(value.toString(8).padStart(length - 1, '0'), at, length - 1, 'latin1');
}

/** `[prefix, name]` as ustar holds it, or `undefined` if it does not fit. */
function splitName(name: ByteString): [string, string] | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return ['', name];
  const slash = name.lastIndexOf('/', Math.min(155, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > 100) return undefined;
  return [name.slice(0, slash), name.slice(slash + 1)];
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function decimalSeconds(nanos: bigint): string {
  const abs = nanos < 0n ? -nanos : nanos;
  const fraction = String(abs % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${abs / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}
