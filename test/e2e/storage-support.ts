import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { silentLogger } from '../../src/core/log.ts';
import { mountinfo, umountAll } from '../../src/linux/index.ts';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { run } from './support/run.ts';

/** A directory of its own; when the test ends, nothing may be mounted below it, and it goes. */
export function temporaryRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'wharf-storage-'));
  t.after(() => {
    const left = mountsBelow(root);
    for (const mountpoint of left) umountAll(mountpoint);
    rmSync(root, { recursive: true, force: true });
    assert.deepEqual(left, [], 'mounts were left behind');
  });
  return root;
}

export function mountsBelow(root: string): string[] {
  return mountinfo()
    .map(({ mountpoint }) => mountpoint)
    .filter((path) => path.startsWith(`${root}/`));
}

export function open(root: string): Promise<Storage> {
  return openStorage({ dataRoot: join(root, 'data'), log: silentLogger });
}

/** Runs a shell script that must succeed, and gives what it printed. */
export async function sh(script: string, cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await run('bash', ['-euc', script], cwd === undefined ? {} : { cwd });
  assert.equal(code, 0, stderr);
  return stdout;
}

export async function gather(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Names in the directories where work in progress would be. */
export function leftovers(root: string): Record<string, string[]> {
  return Object.fromEntries(
    ['tmp', 'layers', 'snapshots'].map((d) => [
      d,
      readdirSync(join(root, 'data', d)).filter((name) => name !== 'init'),
    ]),
  );
}

/** One line for each file of a tree: type, mode, owner, size, time, links, target, attributes. */
export function listing(tree: string): Promise<string> {
  return sh(
    `find . -mindepth 1 \\( -type d -printf '%p %y %m %U:%G %T@\\n' -o -printf '%p %y %m %U:%G %s %T@ %n %l\\n' \\) | LC_ALL=C sort;
     find . -mindepth 1 -type c -exec stat -c '%t:%T %n' {} + | sort;
     find . -mindepth 1 ! -type l -exec getfattr -d -m - -e hex --absolute-names {} + 2>/dev/null | grep -v 'trusted.overlay' || true`,
    tree,
  );
}
