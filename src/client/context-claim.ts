import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PassThrough, pipeline } from 'node:stream';
import { pack } from 'tar-stream';
import type { ClaimedContext, ContextSide } from './contract.ts';

interface Surveyed {
  readonly root: string;
  readonly dockerfile: string;
  readonly own: string | undefined;
  readonly general: string | undefined;
}

/** See `DirectoryContext.claim`. */
export async function claimDirectory(survey: Surveyed, side: ContextSide | undefined): Promise<ClaimedContext> {
  const dockerfile = await readFile(survey.dockerfile);
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const open: number[] = [];
  const claim = (path: string) => {
    const fd = openSync(path, 'r');
    open.push(fd);
    const { dev, ino, ctimeNs } = fstatSync(fd, { bigint: true });
    return { fd, stat: [dev, ino, ctimeNs].join(' '), boot };
  };
  const name = side?.name ?? `.wharf-${randomBytes(8).toString('hex')}`;
  async function* all(): AsyncGenerator<Buffer> {
    if (side !== undefined) yield* side.beforeTar(false);
    const texts = pack();
    texts.entry({ name: `${name}/dockerfile`, mode: 0o600 }, dockerfile);
    texts.entry({ name: `${name}/ignore`, mode: 0o600 }, survey.own ?? survey.general ?? '');
    texts.finalize();
    yield* texts as AsyncIterable<Buffer>;
  }
  const further = Object.entries(side?.directories ?? {});
  const directories = Object.fromEntries([['', survey.root], ...further].map(([key, path = '']) => [key, claim(path)]));
  const namedContexts = Object.fromEntries(further.map(([key]) => [key, `here:${key}`]));
  const tar = new PassThrough();
  pipeline(all(), tar, () => undefined);
  return {
    tar,
    extras: { sideDirectory: name, directories, namedContexts },
    [Symbol.dispose]: () => {
      for (const fd of open) closeSync(fd);
    },
  };
}
