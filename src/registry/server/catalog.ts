import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Digest } from '../../core/digest.ts';

/** A manifest as a repository has it. */
export interface ManifestRow {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly subject: Digest | undefined;
  /** Type of the artifact for the list of referrers; empty if it has none. */
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Blobs and manifests that it names and that must stay. */
  readonly references: readonly Digest[];
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS blobs (repository TEXT, digest TEXT, linked INTEGER, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS blobs_by_digest ON blobs (digest);
  CREATE TABLE IF NOT EXISTS manifests (repository TEXT, digest TEXT, media_type TEXT, size INTEGER, subject TEXT,
    artifact_type TEXT, annotations TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS manifests_by_digest ON manifests (digest);
  CREATE INDEX IF NOT EXISTS manifests_by_subject ON manifests (repository, subject);
  CREATE TABLE IF NOT EXISTS refs (repository TEXT, manifest TEXT, target TEXT, PRIMARY KEY (repository, manifest, target)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS refs_by_target ON refs (repository, target);
  CREATE TABLE IF NOT EXISTS tags (repository TEXT, tag TEXT, digest TEXT, PRIMARY KEY (repository, tag)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (repository, digest);
  CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, repository TEXT, touched INTEGER) WITHOUT ROWID;
`;

type Value = SQLInputValue;

/** What the repositories hold: SQLite, each change on disk when the call returns. All calls are synchronous. */
export class Catalog implements Disposable {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(SCHEMA);
  }

  hasBlob(repository: string, digest: Digest): boolean {
    return this.#one('SELECT 1 FROM blobs WHERE repository = ? AND digest = ?', repository, digest) !== undefined;
  }
  /** Whether any repository has it. */
  isLinked(digest: Digest): boolean {
    return (
      this.#one('SELECT 1 FROM blobs WHERE digest = ?', digest) !== undefined ||
      this.#one('SELECT 1 FROM manifests WHERE digest = ?', digest) !== undefined
    );
  }
  linkBlob(repository: string, digest: Digest, now = Date.now()): void {
    this.#run('INSERT OR REPLACE INTO blobs VALUES (?, ?, ?)', repository, digest, now);
  }
  /** Whether it was there. */
  unlinkBlob(repository: string, digest: Digest): boolean {
    return this.#run('DELETE FROM blobs WHERE repository = ? AND digest = ?', repository, digest) > 0;
  }
  /** Blobs that no manifest of their repository names, linked before `before` (milliseconds since the epoch). */
  unusedBlobs(before: number): { readonly repository: string; readonly digest: Digest }[] {
    return this.#all(
      `SELECT repository, digest FROM blobs b WHERE linked < ? AND NOT EXISTS
        (SELECT 1 FROM refs r WHERE r.repository = b.repository AND r.target = b.digest)`,
      before,
    ) as { repository: string; digest: Digest }[];
  }

  manifest(repository: string, digest: Digest): Pick<ManifestRow, 'digest' | 'mediaType' | 'sizeBytes'> | undefined {
    const row = this.#one(
      'SELECT media_type, size FROM manifests WHERE repository = ? AND digest = ?',
      repository,
      digest,
    );
    return row && { digest, mediaType: String(row['media_type']), sizeBytes: Number(row['size']) };
  }
  putManifest(repository: string, m: ManifestRow, tags: readonly string[]): void {
    this.#transaction(() => {
      this.#run(
        'INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?)',
        repository,
        m.digest,
        m.mediaType,
        m.sizeBytes,
        m.subject ?? null,
        m.artifactType,
        m.annotations === undefined ? null : JSON.stringify(m.annotations),
      );
      for (const target of m.references)
        this.#run('INSERT OR IGNORE INTO refs VALUES (?, ?, ?)', repository, m.digest, target);
      for (const tag of tags) this.#run('INSERT OR REPLACE INTO tags VALUES (?, ?, ?)', repository, tag, m.digest);
    });
  }
  /** Removes a manifest and all of its tags. Whether it was there. */
  deleteManifest(repository: string, digest: Digest): boolean {
    return this.#transaction(() => {
      this.#run('DELETE FROM tags WHERE repository = ? AND digest = ?', repository, digest);
      this.#run('DELETE FROM refs WHERE repository = ? AND manifest = ?', repository, digest);
      return this.#run('DELETE FROM manifests WHERE repository = ? AND digest = ?', repository, digest) > 0;
    });
  }

  /** What refers to `subject`, in order of digest, after `last`. */
  referrers(
    repository: string,
    subject: Digest,
    options: { readonly artifactType: string | undefined; readonly last: string; readonly limit: number },
  ): Omit<ManifestRow, 'references' | 'subject'>[] {
    const rows = this.#all(
      `SELECT * FROM manifests WHERE repository = ?1 AND subject = ?2 AND digest > ?3 AND (?4 IS NULL OR artifact_type = ?4)
        ORDER BY digest LIMIT ?5`,
      repository,
      subject,
      options.last,
      options.artifactType ?? null,
      options.limit,
    );
    return rows.map((row) => ({
      digest: row['digest'] as Digest,
      mediaType: String(row['media_type']),
      sizeBytes: Number(row['size']),
      artifactType: String(row['artifact_type']),
      annotations:
        typeof row['annotations'] === 'string' ? (JSON.parse(row['annotations']) as Record<string, string>) : undefined,
    }));
  }

  tag(repository: string, tag: string): Digest | undefined {
    const row = this.#one('SELECT digest FROM tags WHERE repository = ? AND tag = ?', repository, tag);
    return row?.['digest'] as Digest | undefined;
  }
  deleteTag(repository: string, tag: string): boolean {
    return this.#run('DELETE FROM tags WHERE repository = ? AND tag = ?', repository, tag) > 0;
  }
  /** In order of their bytes, after `last`. */
  tags(repository: string, last: string, limit: number): string[] {
    return this.#texts(
      'SELECT tag AS text FROM tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?',
      repository,
      last,
      limit,
    );
  }
  /** Whether anything was ever pushed there and is still there. */
  hasRepository(repository: string): boolean {
    return ['manifests', 'blobs'].some(
      (table) => this.#one(`SELECT 1 FROM ${table} WHERE repository = ?`, repository) !== undefined,
    );
  }
  /** Repositories with a manifest, after `last`. */
  repositories(last: string, limit: number): string[] {
    return this.#texts(
      'SELECT DISTINCT repository AS text FROM manifests WHERE repository > ? ORDER BY repository LIMIT ?',
      last,
      limit,
    );
  }

  putUpload(id: string, repository: string): void {
    this.#run('INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)', id, repository, Date.now());
  }
  uploadRepository(id: string): string | undefined {
    const row = this.#one('SELECT repository FROM uploads WHERE id = ?', id);
    return row && String(row['repository']);
  }
  deleteUpload(id: string): void {
    this.#run('DELETE FROM uploads WHERE id = ?', id);
  }
  /** Uploads that nobody has touched since `before`. */
  idleUploads(before: number): string[] {
    return this.#texts('SELECT id AS text FROM uploads WHERE touched < ?', before);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #statement(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const made = this.#db.prepare(sql);
    this.#prepared.set(sql, made);
    return made;
  }
  #run(sql: string, ...values: Value[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }
  #one(sql: string, ...values: Value[]): Record<string, unknown> | undefined {
    return this.#statement(sql).get(...values);
  }
  #all(sql: string, ...values: Value[]): Record<string, unknown>[] {
    return this.#statement(sql).all(...values);
  }
  #texts(sql: string, ...values: Value[]): string[] {
    return this.#all(sql, ...values).map((row) => String(row['text']));
  }
  #transaction<T>(fn: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = fn();
      this.#db.exec('COMMIT');
      return result;
    } catch (e) {
      this.#db.exec('ROLLBACK');
      throw e;
    }
  }
}
