import type { Readable } from 'node:stream';
import { unsupported } from '../../core/errors.ts';
import type { Context } from './context.ts';
import type { ContainerRecord } from './record.ts';

const refuse = () => unsupported({ message: 'copying into and out of containers is being written' });

export async function archiveStat(
  _ctx: Context,
  _record: ContainerRecord,
  _path: string,
): Promise<Record<string, unknown>> {
  throw refuse();
}
export async function archiveGet(
  _ctx: Context,
  _record: ContainerRecord,
  _path: string,
): Promise<{ readonly stat: Record<string, unknown>; readonly tar: Readable }> {
  throw refuse();
}
export async function archivePut(
  _ctx: Context,
  _record: ContainerRecord,
  _path: string,
  _tar: Readable,
  _options: { readonly noOverwriteDirNonDir: boolean; readonly copyUidGid: boolean },
): Promise<void> {
  throw refuse();
}
export async function exportRoot(_ctx: Context, _record: ContainerRecord): Promise<Readable> {
  throw refuse();
}
