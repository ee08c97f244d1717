import { readFileSync } from 'node:fs';
import { hostCapabilities } from './spec/capabilities.ts';
import type { OciProcess } from './spec/oci-spec.ts';

/** Rows of /proc/PID/limits by what OCI calls them. */
const ROWS: Readonly<Record<string, string>> = {
  RLIMIT_AS: 'Max address space',
  RLIMIT_CORE: 'Max core file size',
  RLIMIT_CPU: 'Max cpu time',
  RLIMIT_DATA: 'Max data size',
  RLIMIT_FSIZE: 'Max file size',
  RLIMIT_LOCKS: 'Max file locks',
  RLIMIT_MEMLOCK: 'Max locked memory',
  RLIMIT_MSGQUEUE: 'Max msgqueue size',
  RLIMIT_NICE: 'Max nice priority',
  RLIMIT_NOFILE: 'Max open files',
  RLIMIT_NPROC: 'Max processes',
  RLIMIT_RSS: 'Max resident set',
  RLIMIT_RTPRIO: 'Max realtime priority',
  RLIMIT_RTTIME: 'Max realtime timeout',
  RLIMIT_SIGPENDING: 'Max pending signals',
  RLIMIT_STACK: 'Max stack size',
};

/**
 * Programs (util-linux) to run an OCI runtime through, so that it has the limits that a process in a user namespace is to have:
 * crun sets them when it is in there already, where nobody may raise them any more; of runc that is true of the OOM score. Mostly
 * none.
 */
export function withLimitsOf(process: OciProcess): string[] {
  if (!hostCapabilities().includes('CAP_SYS_RESOURCE')) return [];
  return raisingTo(process, {
    limits: readFileSync('/proc/self/limits', 'utf8'),
    score: Number(readFileSync('/proc/self/oom_score_adj', 'utf8')),
  });
}

/** The command for what is beyond the limits of this process. @param own text of its /proc/PID/limits, and its OOM score */
export function raisingTo(
  { rlimits = [], oomScoreAdj }: Pick<OciProcess, 'rlimits' | 'oomScoreAdj'>,
  own: { readonly limits: string; readonly score: number },
): string[] {
  const raised = rlimits.flatMap(({ type, hard }) => {
    const now = new RegExp(`^${ROWS[type] ?? type}\\s+\\S+\\s+(\\S+)`, 'm').exec(own.limits)?.[1];
    if (now === undefined || now === 'unlimited' || hard <= Number(now)) return [];
    return [`--${type.replace('RLIMIT_', '').toLowerCase()}=:${hard}`];
  });
  return [
    ...(raised.length > 0 ? ['prlimit', ...raised] : []),
    ...(oomScoreAdj !== undefined && oomScoreAdj < own.score ? ['choom', '-n', String(oomScoreAdj), '--'] : []),
  ];
}
