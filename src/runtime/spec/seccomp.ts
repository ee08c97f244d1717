import { release } from 'node:os';
import type { OciSeccomp } from './oci-spec.ts';
import { SECCOMP_ARCHITECTURES, SECCOMP_GROUPS, type SeccompGroup } from './seccomp-profile.ts';

const EPERM = 1;

/**
 * The default filter for a container with these capabilities.
 * @param arch in Node's names; @param kernel release like `6.1.0-13-amd64`
 */
export function defaultSeccomp(
  capabilities: readonly string[],
  arch: string = process.arch,
  kernel: string = release(),
): OciSeccomp {
  const held = new Set(capabilities);
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const applies = (group: SeccompGroup): boolean =>
    (group.withCapability === undefined || held.has(group.withCapability)) &&
    (group.withoutCapability === undefined || !held.has(group.withoutCapability)) &&
    (group.arch === undefined || group.arch.includes(arch)) &&
    (group.minKernel === undefined ||
      major > group.minKernel[0] ||
      (major === group.minKernel[0] && minor >= group.minKernel[1]));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [...(SECCOMP_ARCHITECTURES[arch] ?? [])],
    syscalls: SECCOMP_GROUPS.filter(applies).map((group) => ({
      names: [...group.names],
      action: group.errno === undefined ? 'SCMP_ACT_ALLOW' : 'SCMP_ACT_ERRNO',
      ...(group.errno === undefined ? {} : { errnoRet: group.errno }),
      ...(group.args === undefined ? {} : { args: group.args.map((arg) => ({ ...arg })) }),
    })),
  };
}
