import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { parseReference } from '../../core/reference.ts';
import { stepFailed } from '../errors.ts';
import { openDirectoryTarget } from '../remote-cache/directory-place.ts';
import { writeCache } from '../remote-cache/export.ts';
import type { CacheTarget } from '../remote-cache/place.ts';
import { openRegistryTarget } from '../remote-cache/registry-place.ts';
import { type ExportOptions, exportOptions } from '../remote-cache/spec.ts';
import { authOf } from './base-images.ts';
import type { BuildParts } from './build-parts.ts';
import type { Session } from './session.ts';
import type { StageState } from './state.ts';

/** In front of directories that wait for their client to fetch them. */
const WAITING = 'cache-export-';

/** Where a cache lies that a build has written for its client. */
export function waitingCache(temporary: string, id: string): string {
  return join(temporary, `${WAITING}${basename(id)}`);
}

/**
 * Writes the caches of `--cache-to`, for all platforms.
 * @throws {WharfError} `BUILD_STEP_FAILED` if one cannot be written, unless that may be
 */
export async function writeCaches(
  results: readonly StageState[],
  session: Session,
  parts: BuildParts,
  signal: AbortSignal,
): Promise<void> {
  const { reporter, request } = session;
  for (const [index, spec] of (request.extras?.cacheTo ?? []).entries()) {
    const options = exportOptions(spec);
    const where = options.type === 'local' ? 'client directory' : options.where;
    const report = reporter.begin({ name: `exporting cache to ${where}`, metadata: false, line: 0 });
    let before = '';
    const say = (status: string): void => {
      if (before !== '') reporter.tell({ kind: 'transfer', id: report.id, what: '', status: before, done: true });
      if (status !== '') reporter.tell({ kind: 'transfer', id: report.id, what: '', status });
      before = status;
    };
    try {
      await mkdir(parts.temporary, { recursive: true, mode: 0o700 });
      await using undo = new AsyncDisposableStack();
      const waiting = options.type === 'local' && request.extras?.localCaches === undefined;
      const directory = waiting ? await mkdtemp(waitingCache(parts.temporary, '')) : '';
      if (waiting) undo.defer(() => rm(directory, { recursive: true, force: true }));
      const target = undo.use(await openTarget(options, directory, session, signal));
      const elsewhere = session.remote.elsewhere.bind(session.remote);
      const { layers } = session.parts.engine.parts.storage;
      const exporting = { layers, temporary: parts.temporary, known: parts.compressed, elsewhere, say };
      const manifest = await writeCache(wanted(options, results, session), options, target, exporting, signal);
      say('');
      const name = waiting ? basename(directory).slice(WAITING.length) : '';
      reporter.tell({ kind: 'cache-export', index, waiting: name, manifest });
      undo.move();
      await target[Symbol.asyncDispose]();
      report.end({ outcome: 'done', why: 'a cache for others' });
    } catch (e) {
      signal.throwIfAborted();
      const message = `failed to export cache to ${where}: ${messageOf(e)}`;
      report.end({ outcome: 'failed', why: '', error: message });
      if (!options.ignoreErrors) throw stepFailed({ message }, { cause: e });
    }
  }
}

/** With `mode=min` only what made the result. */
function wanted({ mode }: ExportOptions, results: readonly StageState[], { outcomes }: Session) {
  const chain = results.flatMap((result) => result.chain);
  return outcomes.filter(({ layer }) => mode === 'max' || layer === null || chain.includes(layer.chainId));
}

async function openTarget(
  options: ExportOptions,
  directory: string,
  { parts, request }: Session,
  signal: AbortSignal,
): Promise<CacheTarget> {
  if (options.type === 'registry') {
    const { registry } = parseReference(options.where);
    return openRegistryTarget(parts.engine.images, options.where, await authOf(registry, request), signal);
  }
  return request.extras?.localCaches?.target(options.where) ?? openDirectoryTarget(directory, options.tag);
}
