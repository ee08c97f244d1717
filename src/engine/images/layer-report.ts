import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { ChainId } from '../../core/digest.ts';
import type { ImageDifference, ImageLayerReport } from '../../core/wire/image-layers.ts';
import type { LayerFile, LayerStore } from '../../storage/index.ts';
import type { Image } from '../contract.ts';

/** What is seen at a path, and which layer it comes from. */
interface Seen {
  readonly file: LayerFile;
  readonly layer: number;
}

/** Entries between two pauses in which others get their turn. */
const SLICE = 2000;

/** What each layer of an image adds, changes and deletes, and how much of it later layers throw away; bottom first. */
export async function reportLayers(layers: LayerStore, image: Image): Promise<ImageLayerReport[]> {
  const { reports } = await stack(layers, image.chain);
  const steps = (image.config.history ?? []).filter(({ empty_layer }) => empty_layer !== true);
  return image.chain.map((chainId, i) => {
    const layer = layers.find(chainId);
    const step = steps[i];
    return {
      ...(reports[i] ?? { Added: 0, Changed: 0, Deleted: 0, Wasted: 0 }),
      Id: chainId,
      DiffId: layer?.diffId ?? '',
      CreatedBy: step?.created_by ?? '',
      Created: step?.created ?? '',
      Size: layer?.sizeBytes ?? 0,
    };
  });
}

/** What one has to do to make image `a` look like `b`. Files that look alike are compared byte by byte. */
export async function compareImages(layers: LayerStore, a: Image, b: Image): Promise<ImageDifference[]> {
  const [before, after] = [(await stack(layers, a.chain)).seen, (await stack(layers, b.chain)).seen];
  const found: ImageDifference[] = [];
  let count = 0;
  for (const [path, { file }] of after) {
    if (++count % SLICE === 0) await yieldToOthers();
    const old = before.get(path)?.file;
    if (!old) found.push({ Path: path, Kind: 'added', Size: file.sizeBytes });
    else if (!sameFile(old, file)) found.push({ Path: path, Kind: 'changed', Size: file.sizeBytes - old.sizeBytes });
  }
  for (const [path, { file }] of before) {
    if (!after.has(path)) found.push({ Path: path, Kind: 'deleted', Size: -file.sizeBytes });
  }
  return found.sort((x, y) => (x.Path < y.Path ? -1 : 1));
}

type Counts = Pick<ImageLayerReport, 'Added' | 'Changed' | 'Deleted' | 'Wasted'>;

/** Lays the layers on each other as overlayfs would. */
async function stack(
  layers: LayerStore,
  chain: readonly ChainId[],
): Promise<{ readonly seen: Map<string, Seen>; readonly reports: Counts[] }> {
  const seen = new Map<string, Seen>();
  const reports: { Added: number; Changed: number; Deleted: number; Wasted: number }[] = [];
  const drop = (path: string): void => {
    const known = seen.get(path);
    if (!known) return;
    seen.delete(path);
    const report = reports[known.layer];
    if (report) report.Wasted += known.file.sizeBytes;
  };
  const dropBelow = (path: string, layer: number): void => {
    for (const [other, known] of seen) if (known.layer !== layer && other.startsWith(`${path}/`)) drop(other);
  };
  let count = 0;
  for (const [i, chainId] of chain.entries()) {
    const report = { Added: 0, Changed: 0, Deleted: 0, Wasted: 0 };
    reports.push(report);
    for (const file of layers.contents(chainId)) {
      if (++count % SLICE === 0) await yieldToOthers();
      const before = seen.get(file.path);
      if (file.kind === 'whiteout') {
        report.Deleted++;
        if (before?.file.kind === 'directory') dropBelow(file.path, i);
        drop(file.path);
        continue;
      }
      if (file.opaque || (before?.file.kind === 'directory' && file.kind !== 'directory')) dropBelow(file.path, i);
      const sameDirectory = before?.file.kind === 'directory' && file.kind === 'directory';
      if (!before) report.Added++;
      else if (!sameDirectory || before.file.attributes !== file.attributes) report.Changed++;
      drop(file.path);
      seen.set(file.path, { file, layer: i });
    }
  }
  return { seen, reports };
}

function sameFile(a: LayerFile, b: LayerFile): boolean {
  if (a.kind !== b.kind || a.attributes !== b.attributes || a.target !== b.target) return false;
  return a.kind !== 'file' || String(a.diskPath) === String(b.diskPath) || sameBytes(a.diskPath, b.diskPath);
}

/** Two files of the same size. */
function sameBytes(a: string | Buffer, b: string | Buffer): boolean {
  const [x, y] = [Buffer.allocUnsafe(128 * 1024), Buffer.allocUnsafe(128 * 1024)];
  const fdA = openSync(a, 'r');
  try {
    const fdB = openSync(b, 'r');
    try {
      for (;;) {
        const n = readSync(fdA, x);
        if (n !== readSync(fdB, y) || x.compare(y, 0, n, 0, n) !== 0) return false;
        if (n === 0) return true;
      }
    } finally {
      closeSync(fdB);
    }
  } finally {
    closeSync(fdA);
  }
}
