import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Storage, StorageOptions } from './contract.ts';
import { Discards } from './discards.ts';
import { FileContentStore } from './content.ts';
import { SqliteDatabase } from './database.ts';
import { DirectoryLayerStore } from './layers/store.ts';
import { openLayout } from './layout.ts';
import { lockDataRoot } from './lock.ts';
import { closeToOthers, MappedView, sweepMappedView } from './mapped-view.ts';
import { makeInitLayer } from './snapshots/init-layer.ts';
import { Reserve } from './reserve.ts';
import { OverlaySnapshotStore } from './snapshots/store.ts';
import { DirectoryVolumeStore } from './volumes.ts';

/**
 * Opens a data root, makes it if it is new, and removes what a crash left half done in it. Mounts of known snapshots are kept.
 * @throws {WharfError} `DATA_ROOT_IN_USE`, `DATA_ROOT_TOO_NEW`, `CANNOT_MAP_IDS`, `RESTRICTED_TO_ROOT`
 */
export async function openStorage({ dataRoot, log, idMaps }: StorageOptions): Promise<Storage> {
  const layout = openLayout(resolve(dataRoot));
  await using undo = new AsyncDisposableStack();
  undo.use(lockDataRoot(layout.root, layout.lock));
  closeToOthers(layout.root, idMaps);
  const reserve = new Reserve(layout.reserve);
  reserve.releaseIfTight();
  const db = new SqliteDatabase(layout.database, reserve);
  undo.defer(() => db.close());

  for (const name of readdirSync(layout.tmp)) await rm(join(layout.tmp, name), { recursive: true, force: true });
  makeInitLayer(layout.init, join(layout.tmp, 'init'));
  sweepMappedView(layout);
  const mapped = idMaps === undefined ? undefined : undo.use(await MappedView.open(layout, idMaps));
  const discards = undo.use(new Discards(layout.tmp));
  const content = new FileContentStore(layout);
  const layers = undo.use(new DirectoryLayerStore(layout, db, discards));
  const snapshots = new OverlaySnapshotStore(layout, db, layers, discards, log, mapped);
  const volumes = new DirectoryVolumeStore(layout, db, discards, mapped);
  await snapshots.sweep();
  await layers.sweep();
  await volumes.sweep();
  reserve.restore();

  const resources = undo.move();
  return {
    dataRoot: layout.root,
    db,
    content,
    layers,
    snapshots,
    volumes,
    ...(mapped === undefined ? {} : { holdMapped: (root: string, path: string) => mapped.hold(root, path) }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
