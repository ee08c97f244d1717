import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const PARTS = ['blobs', 'layers', 'tmp', 'snapshots', 'volumes'];

/** A digest of all that a data root keeps: every file with its bytes, owner, mode and time, and every row of the database. */
export function storeDigest(dataRoot: string): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat) return; // it is being removed just now
    hash.update(`${path}\0${stat.mode} ${stat.uid}:${stat.gid} ${stat.rdev} ${stat.mtimeNs}\0`);
    if (stat.isSymbolicLink()) hash.update(readlinkSync(path, 'buffer'));
    else if (stat.isFile()) hash.update(readFileSync(path));
    else if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
  };
  // `tmp` itself is written to all the time; what counts is that nothing stays in it.
  for (const part of PARTS)
    for (const name of readdirSync(join(dataRoot, part)).sort()) visit(join(dataRoot, part, name));
  const db = new DatabaseSync(join(dataRoot, 'wharf.db'), { readOnly: true });
  try {
    for (const row of db.prepare('SELECT collection, key, json FROM documents ORDER BY collection, key').all()) {
      hash.update(JSON.stringify(row));
    }
  } finally {
    db.close();
  }
  return hash.digest('hex');
}
