import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { badLayer } from '../errors.ts';
import { decompress } from './decompress.ts';
import type { TarEntry } from './entry.ts';
import { paddingOf, tarHeader } from './header.ts';
import { packTree } from './pack.ts';
import { TarReader } from './reader.ts';
import { cleanName, Unpacker } from './unpack.ts';

const BASE: TarEntry = {
  name: 'a',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNanos: 0n,
  linkname: '',
  major: 0,
  minor: 0,
  xattrs: [],
};

function member(entry: Partial<TarEntry>, content = ''): Buffer {
  const size = Buffer.byteLength(content);
  return Buffer.concat([tarHeader({ ...BASE, ...entry, size }), Buffer.from(content), Buffer.alloc(paddingOf(size))]);
}
const END = Buffer.alloc(1024);

function read(tar: Buffer, chunk = tar.length): { entries: TarEntry[]; contents: string[]; raw: number } {
  const entries: TarEntry[] = [];
  const contents: string[] = [];
  let raw = 0;
  const reader = new TarReader({
    entry: (e) => {
      entries.push(e);
      contents.push('');
    },
    data: (bytes) => void contents.push((contents.pop() ?? '') + bytes.toString()),
    end: () => undefined,
    raw: (bytes) => void (raw += bytes.length),
  });
  for (let at = 0; at < tar.length; at += chunk) reader.push(tar.subarray(at, at + chunk));
  reader.finish();
  return { entries, contents, raw };
}

suite('what is written is read back the same', () => {
  const cases: Record<string, Partial<TarEntry>> = {
    plain: {},
    'set-uid and sticky': { mode: 0o7755 },
    'long name that ustar can split': { name: `${'d'.repeat(90)}/${'f'.repeat(90)}` },
    'long name that only PAX holds': { name: 'x'.repeat(300) },
    'name that is not ASCII': { name: Buffer.from('größe').toString('latin1') },
    'name that is not UTF-8': { name: 'caf\xe9' },
    'long link': { type: 'symlink', linkname: 'y'.repeat(200) },
    'large owner': { uid: 4_000_000_000, gid: 3_000_000 },
    nanoseconds: { mtimeNanos: 1_700_000_000_123_456_789n },
    'before 1970': { mtimeNanos: -1_500_000_000n },
    device: { type: 'char', major: 4095, minor: 123456 },
    'binary attribute': { xattrs: [['security.capability', Buffer.from([1, 0, 0, 2, 0xff, 0x0a, 0x3d])]] },
    'several attributes': {
      xattrs: [
        ['user.a', Buffer.from('1')],
        ['user.b', Buffer.alloc(0)],
      ],
    },
  };
  for (const [name, entry] of Object.entries(cases)) {
    test(name, () => {
      const tar = Buffer.concat([member(entry), member({ name: 'next' }, 'content'), END]);
      for (const chunk of [tar.length, 1, 7, 512, 513]) {
        const { entries, contents, raw } = read(tar, chunk);
        assert.deepEqual(entries[0], { ...BASE, ...entry });
        assert.equal(entries[1]?.name, 'next');
        assert.deepEqual(contents, ['', 'content']);
        assert.equal(raw, tar.length - 'content'.length);
      }
    });
  }
});

suite('malformed tars', () => {
  const good = Buffer.concat([member({ name: 'f' }, 'content'), END]);
  const badSum = Buffer.from(good);
  badSum[0] = 0x7a;
  const cases: Record<string, readonly [Buffer, RegExp]> = {
    'cut in a header': [good.subarray(0, 100), /unexpected EOF/],
    'cut in content': [good.subarray(0, 515), /unexpected EOF/],
    'checksum wrong': [badSum, /invalid tar header/],
    'not a tar at all': [Buffer.alloc(2048, 'hello'), /invalid tar header/],
    'a sparse file with a piece beyond its end': [Buffer.concat([sparse(), END]), /malformed map of a sparse file/],
  };
  for (const [name, [tar, message]] of Object.entries(cases)) {
    test(name, () =>
      assert.throws(
        () => read(tar),
        (e) => badLayer.is(e) && message.test(e.message),
      ),
    );
  }
  test('a tar without an end mark is taken', () => {
    assert.equal(read(member({ name: 'f' }, 'x')).entries.length, 1);
  });
  test('directories and links have no content, whatever size their header tells', () => {
    const link = tarHeader({ ...BASE, type: 'link', linkname: 'f', size: 7 });
    const { entries } = read(Buffer.concat([member({ name: 'f' }, 'content'), link, member({ name: 'after' }), END]));
    assert.deepEqual(
      entries.map((e) => e.name),
      ['f', 'a', 'after'],
    );
  });
});

/** A header of type S that says: one piece of one byte at 8, in a file of four bytes. */
function sparse(): Buffer {
  const block = Buffer.from(tarHeader(BASE));
  block[156] = 'S'.charCodeAt(0);
  block.write('00000000010\0'.concat('00000000001\0'), 386, 'latin1');
  block.write('00000000004\0', 483, 'latin1');
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const c of block) sum += c;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

test('names are cleaned, and refused if they lead out', () => {
  assert.equal(cleanName('./a//b/./c/'), 'a/b/c');
  assert.equal(cleanName('/etc/passwd'), 'etc/passwd');
  assert.equal(cleanName('./'), '');
  for (const bad of ['..', '../x', 'a/../../b', 'a/..', 'a\0b'])
    assert.throws(() => cleanName(bad), { code: 'BAD_LAYER' });
});

suite('unpacking stays inside its root', () => {
  const cases: Record<string, { tar: Buffer[]; inside?: string; refused?: boolean; refusedInLayers?: boolean }> = {
    'an absolute name is below the root': { tar: [member({ name: '/x/y' }, 'in')], inside: 'x/y' },
    'a link to an absolute directory is followed inside the root': {
      tar: [member({ name: 'l', type: 'symlink', linkname: '/OUTSIDE' }), member({ name: 'l/y' }, 'in')],
      inside: 'OUTSIDE/y',
    },
    // A layer that tries it is wrong; an archive that is unpacked over what a container has may meet such links of the container's.
    'a link that climbs ends at the root': {
      tar: [member({ name: 'l', type: 'symlink', linkname: '../../../../../etc' }), member({ name: 'l/y' }, 'in')],
      inside: 'etc/y',
      refusedInLayers: true,
    },
    'a link through a link': {
      tar: [
        member({ name: 'real/', type: 'directory', mode: 0o755 }),
        member({ name: 'b', type: 'symlink', linkname: 'real' }),
        member({ name: 'a', type: 'symlink', linkname: 'b/' }),
        member({ name: 'a/y' }, 'in'),
      ],
      inside: 'real/y',
    },
    'links in a circle': {
      tar: [
        member({ name: 'a', type: 'symlink', linkname: 'b' }),
        member({ name: 'b', type: 'symlink', linkname: 'a' }),
        member({ name: 'a/y' }, 'in'),
      ],
      refused: true,
    },
    'a hard link to what is outside': {
      tar: [member({ name: 'h', type: 'link', linkname: '/etc/passwd' })],
      refused: true,
    },
    'a hard link that climbs': { tar: [member({ name: 'h', type: 'link', linkname: '../x' })], refused: true },
    'a hard link through a link to the outside': {
      tar: [
        member({ name: 'l', type: 'symlink', linkname: '/etc' }),
        member({ name: 'h', type: 'link', linkname: 'l/passwd' }),
      ],
      refused: true,
    },
    'a name that climbs': { tar: [member({ name: 'a/../../y' }, 'in')], refused: true },
    'a file that takes the place of a link': {
      tar: [member({ name: 'y', type: 'symlink', linkname: '/tmp/never' }), member({ name: 'y' }, 'in')],
      inside: 'y',
    },
    'a file where a directory is needed': {
      tar: [member({ name: 'd' }, 'file'), member({ name: 'd/y' }, 'in')],
      inside: 'd/y',
    },
  };
  for (const fresh of [true, false]) {
    for (const [name, { tar, inside, ...expected }] of Object.entries(cases)) {
      const refused = expected.refused === true || (fresh && expected.refusedInLayers === true);
      test(`${name} (${fresh ? 'known' : 'looked up'})`, (t) => {
        const top = mkdtempSync(join(tmpdir(), 'wharf-tar-'));
        t.after(() => rmSync(top, { recursive: true }));
        const root = join(top, 'root');
        mkdirSync(root);
        using unpacker = new Unpacker({ root, fresh, whiteouts: 'none' });
        const reader = new TarReader(unpacker);
        const unpack = (): void => {
          for (const piece of tar) reader.push(piece);
          reader.finish();
          unpacker.close();
        };
        if (refused) assert.throws(unpack, { code: 'BAD_LAYER' });
        else unpack();
        if (inside !== undefined && !refused) assert.equal(readFileSync(join(root, inside), 'utf8'), 'in');
        assert.deepEqual(readdirSync(top), ['root']);
      });
    }
  }
});

test('links that were there before are not followed out either', (t) => {
  const top = mkdtempSync(join(tmpdir(), 'wharf-tar-'));
  t.after(() => rmSync(top, { recursive: true }));
  mkdirSync(join(top, 'root'));
  mkdirSync(join(top, 'outside'));
  symlinkSync(join(top, 'outside'), join(top, 'root', 'l'));
  using unpacker = new Unpacker({ root: join(top, 'root'), fresh: false, whiteouts: 'none' });
  const reader = new TarReader(unpacker);
  reader.push(Buffer.concat([member({ name: 'l/y' }, 'in'), END]));
  unpacker.close();
  assert.deepEqual(readdirSync(join(top, 'outside')), []);
});

test('the same tree gives the same tar, in order of bytes, with hard links', (t) => {
  const top = mkdtempSync(join(tmpdir(), 'wharf-tar-'));
  t.after(() => rmSync(top, { recursive: true }));
  for (const name of ['b', 'a-file', 'a/x', 'Z', 'a.d/y']) {
    mkdirSync(join(top, name, '..'), { recursive: true });
    writeFileSync(join(top, name), name);
  }
  const tar = Buffer.concat([...packTree(top, { whiteouts: 'overlay', clampSeconds: 1000 })]);
  assert.deepEqual(tar, Buffer.concat([...packTree(top, { whiteouts: 'overlay', clampSeconds: 1000 })]));
  const { entries, contents } = read(tar);
  assert.deepEqual(
    entries.map((e) => e.name),
    ['Z', 'a/', 'a/x', 'a-file', 'a.d/', 'a.d/y', 'b'],
  );
  assert.ok(entries.every((e) => e.mtimeNanos === 1_000_000_000_000n));
  assert.equal(contents[2], 'a/x');
});

test('compression is told by content; what ends too early is an error', async () => {
  const plain = Buffer.alloc(100_000, 'wharf');
  const gz = gzipSync(plain);
  const two = Buffer.concat([gzipSync(plain.subarray(0, 50_000)), gzipSync(plain.subarray(50_000))]);
  for (const bytes of [plain, gz, two, zstdCompressSync(plain), Buffer.alloc(3, 'x'), Buffer.alloc(0)]) {
    const wanted = bytes.length < 10 ? bytes : plain;
    for (const size of [1_000_000, 5])
      assert.deepEqual(await gather(decompress(pieces(bytes.subarray(), size))), wanted);
  }
  await assert.rejects(
    gather(decompress(pieces(gz.subarray(0, 100), 50))),
    (e) => badLayer.is(e) && e.message === 'unexpected EOF',
  );
  await assert.rejects(gather(decompress(pieces(Buffer.from('BZh91AY&SY'), 50))), { code: 'BAD_LAYER' });
  const broken = new Error('connection lost');
  await assert.rejects(
    gather(
      decompress(
        (async function* () {
          yield gz.subarray(0, 100);
          throw broken;
        })(),
      ),
    ),
    broken,
  );
});

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function gather(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of source) all.push(chunk);
  return Buffer.concat(all);
}
