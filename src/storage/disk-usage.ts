import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { errnoOf } from '../core/errors.ts';
import { byteString, type ByteString, diskPath } from './tar/entry.ts';

const BLOCK = 512;

/**
 * Bytes that a file or tree takes on the disk, as `du` counts them: whole blocks, directories too, holes not, hard links once.
 * 0 if there is nothing. Neither what goes away meanwhile nor other file systems mounted below are counted.
 */
export async function diskUsageOf(path: string): Promise<number> {
  const linked = new Set<number>();
  const device = (await statIfThere(byteString(path)))?.dev;
  const walk = async (at: ByteString): Promise<number> => {
    const stat = await statIfThere(at);
    if (!stat || stat.dev !== device) return 0;
    if (!stat.isDirectory()) {
      if (stat.nlink > 1) {
        if (linked.has(stat.ino)) return 0;
        linked.add(stat.ino);
      }
      return stat.blocks * BLOCK;
    }
    let sum = stat.blocks * BLOCK;
    for (const base of await namesIn(at)) sum += await walk(`${at}/${base}`);
    return sum;
  };
  return await walk(byteString(path));
}

async function statIfThere(path: ByteString): Promise<Stats | undefined> {
  try {
    return await lstat(diskPath(path));
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ENOTDIR') return undefined;
    throw e;
  }
}

async function namesIn(path: ByteString): Promise<string[]> {
  try {
    return await readdir(diskPath(path), { encoding: 'latin1' });
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ENOTDIR') return [];
    throw e;
  }
}
