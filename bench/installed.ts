import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Wharf as people have it: the bundle of these very sources, in a directory of its own that goes with this process. */
const root = mkdtempSync(join(tmpdir(), 'wharf-installed-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
mkdirSync(join(root, 'bin'));
cpSync(join(repository, 'bin'), join(root, 'bin'), { recursive: true });
symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
execFileSync(process.execPath, [join(repository, 'scripts/bundle.ts'), join(root, 'dist')], { stdio: 'inherit' });

export const wharfPath = join(root, 'bin/wharf');
export const wharfdPath = join(root, 'bin/wharfd');
