import { existsSync, mkdirSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { type CgroupHost, detectCgroups } from '../linux/index.ts';
import type { Runtime, RuntimeInfo, RuntimeOptions } from './contract.ts';
import { noRuntime } from './errors.ts';
import { type Candidate, probeRuntimes } from './probe.ts';
import { MonitoredRuntime } from './runtime.ts';

/** Starts or finds the monitor of this exec root, probes the OCI runtimes. @throws {WharfError} `NO_RUNTIME` */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { execRoot, defaultRuntime } = options;
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const runtimes = { ...options.runtimes };
  let wanted = defaultRuntime;
  if (wanted !== undefined && isAbsolute(wanted)) {
    wanted = basename(wanted);
    runtimes[wanted] = defaultRuntime ?? wanted;
  }
  const candidates = await probeRuntimes(execRoot, options.cgroupParent, runtimes);
  const chosen = choose(candidates, wanted);
  const cgroups = detectCgroups();
  const info = {
    name: chosen.name,
    path: chosen.path,
    version: chosen.version,
    cgroupMode: cgroups.mode,
    candidates: candidates.map(({ name, path, works, reason }) => ({ name, path, works, reason })),
    controllers: cgroups.controllers,
    limits: limitsOf(cgroups),
  };
  for (const { name, works, reason } of candidates) options.log.debug('OCI runtime', { name, works, reason });
  const kinds = new Map(candidates.map(({ name, kind }) => [name, kind]));
  return MonitoredRuntime.open({ options, info, cgroups, kinds });
}

function choose(candidates: readonly Candidate[], wanted: string | undefined): Candidate {
  const reasons = candidates.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  const hint = 'install the Debian package crun or runc';
  if (wanted === undefined) {
    const first = candidates.find((candidate) => candidate.works);
    if (first === undefined) throw noRuntime({ message: `no OCI runtime works here (${reasons})` }, { hint });
    return first;
  }
  const named = candidates.find((candidate) => candidate.name === wanted);
  if (named?.works) return named;
  throw noRuntime(
    { message: `OCI runtime "${wanted}" cannot be used: ${named?.reason ?? 'no such runtime'}` },
    { hint },
  );
}

/** By the files of version 1 that a kernel without the limit does not have; version 2 has what its controllers have. */
function limitsOf({ mode, mounts, controllers }: CgroupHost): RuntimeInfo['limits'] {
  const has = (controller: string, file: string) => {
    const mount = mounts.get(controller);
    return mount !== undefined && existsSync(join(mount, file));
  };
  if (mode === 'v2') {
    return {
      swap: controllers.includes('memory'),
      swappiness: false,
      oomKillDisable: false,
      blkioWeight: controllers.includes('io'),
      cpuRealtime: false,
    };
  }
  return {
    swap: has('memory', 'memory.memsw.limit_in_bytes'),
    swappiness: has('memory', 'memory.swappiness'),
    oomKillDisable: has('memory', 'memory.oom_control'),
    blkioWeight: has('blkio', 'blkio.weight') || has('blkio', 'blkio.bfq.weight'),
    cpuRealtime: has('cpu', 'cpu.rt_runtime_us'),
  };
}
