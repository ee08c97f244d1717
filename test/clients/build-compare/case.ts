import { chmodSync, linkSync, lutimesSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A file of a context: text, or what else it can be. */
export type ContextFile =
  | string
  | { readonly text: string; readonly mode: number }
  | { readonly bytes: Uint8Array }
  | { readonly directory: number }
  | { readonly symlink: string }
  | { readonly hardlink: string };

/** A Dockerfile with its context, to be built by two builders whose images must be alike. */
export interface BuildCase {
  readonly name: string;
  readonly dockerfile: string;
  readonly files?: Readonly<Record<string, ContextFile>>;
  /** Beside the name of the image and the context. */
  readonly args?: readonly string[];
}

/** Every file of a context was last changed then (seconds). */
const CONTEXT_MTIME = 1_577_934_245;

/** Writes the context of a case; it goes with the test. */
export function contextOf(one: BuildCase): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'wharf-compare-'));
  const files: Record<string, ContextFile> = { Dockerfile: one.dockerfile, ...one.files };
  for (const [name, file] of Object.entries(files)) write(path, join(path, name), file);
  for (const name of Object.keys(files)) {
    for (let at = join(path, name); at !== path; at = dirname(at)) lutimesSync(at, CONTEXT_MTIME, CONTEXT_MTIME);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function write(root: string, path: string, file: ContextFile): void {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof file === 'string') writeFileSync(path, file);
  else if ('bytes' in file) writeFileSync(path, file.bytes);
  else if ('symlink' in file) symlinkSync(file.symlink, path);
  else if ('hardlink' in file) linkSync(join(root, file.hardlink), path);
  else if ('directory' in file) {
    mkdirSync(path, { recursive: true });
    chmodSync(path, file.directory);
  } else {
    writeFileSync(path, file.text);
    chmodSync(path, file.mode);
  }
}
