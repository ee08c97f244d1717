import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { type CgroupHost, detectCgroups, removeCgroup } from '../linux/index.ts';
import { PROBE_PROGRAMS } from './probe-program.ts';
import type { OciSpec } from './spec/oci-spec.ts';
import { unsafeReason } from './unsafe-version.ts';

export interface Candidate {
  readonly name: string;
  readonly path: string;
  readonly works: boolean;
  /** Why it does not work; empty if it does. */
  readonly reason: string;
  readonly version: string;
  /** What it calls itself, whatever its file is called: `crun`, `runc`. */
  readonly kind: string;
}

const NAMES = ['crun', 'runc'];
const SEARCH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const TIMEOUT_MS = 20_000;

/**
 * Which OCI runtimes can run a container on this host, found by running one: a program of a few instructions in a root of its
 * own. That one works is kept below `execRoot` until it, the boot or the host's cgroups change, so that asking again costs a
 * few file reads; a failure is looked at anew each time, as its cause may have gone.
 * @param wanted names beside crun and runc, to path
 */
export async function probeRuntimes(
  execRoot: string,
  cgroupParent: string,
  wanted: Readonly<Record<string, string>>,
): Promise<Candidate[]> {
  const places = new Map<string, string>();
  for (const name of NAMES) places.set(name, findProgram(name) ?? '');
  for (const [name, path] of Object.entries(wanted)) {
    places.set(name, (isAbsolute(path) ? path : findProgram(path)) ?? '');
  }
  return Promise.all([...places].map(([name, path]) => probeCached(execRoot, cgroupParent, name, path)));
}

/** The program's path by `PATH` and the usual places. */
function findProgram(name: string): string | undefined {
  for (const directory of [...(process.env['PATH'] ?? '').split(':'), ...SEARCH]) {
    if (directory === '') continue;
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return undefined;
}

async function probeCached(execRoot: string, cgroupParent: string, name: string, path: string): Promise<Candidate> {
  const stat = path === '' ? undefined : statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return { name, path, works: false, reason: 'not installed', version: '', kind: '' };
  const cgroups = detectCgroups();
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const facts = ['kind', path, stat.mtimeMs, stat.size, stat.ino, bootId, [...cgroups.mounts], cgroups.controllers];
  const key = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
  const file = join(execRoot, 'probes', `${key}.json`);
  try {
    return { ...(JSON.parse(readFileSync(file, 'utf8')) as Candidate), name };
  } catch {
    // not known yet
  }
  const found = await probe(execRoot, cgroupParent, cgroups, name, path);
  if (!found.works) return found;
  mkdirSync(join(execRoot, 'probes'), { recursive: true });
  writeFileSync(`${file}.tmp`, JSON.stringify(found));
  renameSync(`${file}.tmp`, file);
  return found;
}

async function probe(
  execRoot: string,
  cgroupParent: string,
  cgroups: CgroupHost,
  name: string,
  path: string,
): Promise<Candidate> {
  const [, kind = '', version = ''] = /^(\S+) version (\S+)/.exec((await run(path, ['--version'])).output) ?? [];
  const unsafe = unsafeReason(kind, version);
  if (unsafe !== '') return { name, path, works: false, reason: unsafe, version, kind };
  const program = PROBE_PROGRAMS[process.arch];
  if (program === undefined) return { name, path, works: true, reason: '', version, kind };
  const id = `probe-${randomUUID()}`;
  const bundle = join(execRoot, 'probes', id);
  const cgroupsPath = `${cgroupParent}-${id}`;
  try {
    for (const name of ['proc', 'dev']) mkdirSync(join(bundle, 'rootfs', name), { recursive: true });
    writeFileSync(join(bundle, 'rootfs', 'probe'), Buffer.from(program, 'base64'), { mode: 0o755 });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(probeSpec(cgroupsPath)));
    const args = ['--root', join(bundle, 'state'), 'run', '--bundle', bundle, id];
    const { code, output } = await run(path, args);
    if (code === 0) return { name, path, works: true, reason: '', version, kind };
    const said = output.trim().split('\n').at(-1) ?? '';
    return { name, path, works: false, reason: said === '' ? `ended with ${code}` : said, version, kind };
  } catch (e) {
    return { name, path, works: false, reason: messageOf(e), version, kind };
  } finally {
    removeCgroup(cgroups, cgroupsPath);
    rmSync(bundle, { recursive: true, force: true });
  }
}

function run(path: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(path, args, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      resolve({ code, output: stderr.trim() === '' ? stdout : stderr });
    });
  });
}

/** With all that containers will ask for which a host may lack: namespaces, cgroups with limits and devices, a filter. */
function probeSpec(cgroupsPath: string): OciSpec {
  return {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['/probe'], env: ['PATH=/'], cwd: '/', noNewPrivileges: true },
    root: { path: 'rootfs', readonly: false },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
    ],
    linux: {
      cgroupsPath,
      resources: { devices: [{ allow: false, access: 'rwm' }], pids: { limit: 32 } },
      namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'ipc' }, { type: 'uts' }, { type: 'network' }],
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
    },
  };
}
