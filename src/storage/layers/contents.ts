import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { LayerFile } from '../contract.ts';
import { byteString, type ByteString, diskPath, displayName } from '../tar/entry.ts';
import { isOpaque } from '../tar/pack.ts';
import { isWhiteout } from './lower-view.ts';

/** All that one layer's directory has, in overlayfs form: directories before what is in them, in order of bytes. */
export function* layerContents(root: string): Generator<LayerFile, void, undefined> {
  const linked = new Set<number>();
  function* walk(directory: ByteString, name: ByteString): Generator<LayerFile, void, undefined> {
    for (const base of readdirSync(diskPath(directory), { encoding: 'latin1' }).sort()) {
      const path = `${directory}/${base}`;
      const stat = lstatSync(diskPath(path));
      const shown = `${name}/${base}`;
      const again = stat.nlink > 1 && stat.isFile() && linked.has(stat.ino);
      if (stat.nlink > 1 && stat.isFile()) linked.add(stat.ino);
      const kind = isWhiteout(stat)
        ? 'whiteout'
        : stat.isDirectory()
          ? 'directory'
          : stat.isFile()
            ? 'file'
            : stat.isSymbolicLink()
              ? 'symlink'
              : 'special';
      yield {
        path: displayName(shown),
        kind,
        sizeBytes: kind === 'file' && !again ? stat.size : 0,
        opaque: kind === 'directory' && isOpaque(path),
        attributes: [stat.mode, stat.uid, stat.gid, kind === 'directory' ? 0 : stat.size, stat.rdev].join(' '),
        target: kind === 'symlink' ? readlinkSync(diskPath(path), 'utf8') : '',
        diskPath: diskPath(path),
      };
      if (kind === 'directory') yield* walk(path, shown);
    }
  }
  yield* walk(byteString(root), '');
}
