import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import { ExitError } from '../errors.ts';
import { configFolder, type Env } from './config-file.ts';

/** `meta.json` of a context, as the docker CLI writes it. */
export interface ContextMeta {
  readonly Name: string;
  readonly Metadata: { readonly Description?: string; readonly [key: string]: unknown };
  readonly Endpoints: { readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean } };
}

/** PEM files of a context: Docker's names for them. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export const TLS_NAMES = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' } as const;
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;

/** Where the files of a context are: below `contexts/`, by the SHA-256 of its name. */
export function storageOf(name: string, env: Env): { readonly meta: string; readonly tls: string } {
  const id = createHash('sha256').update(name).digest('hex');
  const folder = join(configFolder(env), 'contexts');
  return { meta: join(folder, 'meta', id), tls: join(folder, 'tls', id) };
}

/** @throws {ExitError} in docker's words */
export function checkName(name: string): void {
  if (name === '') throw new ExitError('context name cannot be empty', 1);
  if (name === 'default') throw new ExitError('"default" is a reserved context name', 1);
  if (!NAME.test(name)) {
    throw new ExitError(
      `context name "${name}" is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
      1,
    );
  }
}

export function contextExists(name: string, env: Env): boolean {
  return existsSync(join(storageOf(name, env).meta, 'meta.json'));
}

/** @throws {ExitError} in docker's words, if there is none */
export function readContext(name: string, env: Env): ContextMeta {
  const path = join(storageOf(name, env).meta, 'meta.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (e) {
    if (errnoOf(e) !== 'ENOENT') throw e;
    throw new ExitError(`context "${name}": context not found: open ${path}: no such file or directory`, 1, e);
  }
  return JSON.parse(text) as ContextMeta;
}

/** All contexts but `default`, by name. */
export function allContexts(env: Env): ContextMeta[] {
  const folder = join(configFolder(env), 'contexts', 'meta');
  let ids: string[];
  try {
    ids = readdirSync(folder);
  } catch {
    return [];
  }
  return ids
    .flatMap((id) => {
      try {
        return [JSON.parse(readFileSync(join(folder, id, 'meta.json'), 'utf8')) as ContextMeta];
      } catch {
        return []; // half written, or no context
      }
    })
    .toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
}

/** PEM texts that belong to a context's endpoint. */
export function readTls(name: string, env: Env): TlsFiles {
  const folder = join(storageOf(name, env).tls, 'docker');
  const found: { ca?: string; cert?: string; key?: string } = {};
  for (const key of ['ca', 'cert', 'key'] as const) {
    try {
      found[key] = readFileSync(join(folder, TLS_NAMES[key]), 'utf8');
    } catch (e) {
      if (errnoOf(e) !== 'ENOENT' && errnoOf(e) !== 'ENOTDIR') throw e;
    }
  }
  return found;
}

/** Creates or replaces a context. `tls` left out keeps the PEM files it has. */
export function writeContext(meta: ContextMeta, tls: TlsFiles | undefined, env: Env): void {
  const storage = storageOf(meta.Name, env);
  if (tls !== undefined) {
    rmSync(storage.tls, { recursive: true, force: true });
    const folder = join(storage.tls, 'docker');
    for (const key of ['ca', 'cert', 'key'] as const) {
      const text = tls[key];
      if (text === undefined) continue;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(join(folder, TLS_NAMES[key]), text, { mode: 0o600 });
    }
  }
  mkdirSync(storage.meta, { recursive: true, mode: 0o755 });
  const path = join(storage.meta, 'meta.json');
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(meta), { mode: 0o644 });
  renameSync(`${path}.${process.pid}`, path);
}

export function removeContext(name: string, env: Env): void {
  const storage = storageOf(name, env);
  rmSync(storage.meta, { recursive: true, force: true });
  rmSync(storage.tls, { recursive: true, force: true });
}
