import { mountFlagsOf } from '../../linux/index.ts';
import type { OciMount, OciSpec } from './oci-spec.ts';

/**
 * The spec with each bind mount as restricted as what it shows: crun sets just the flags that the spec names, so that a volume
 * mounted with `ro` or `noexec`, or a directory of a file system mounted with `nosuid`, would be less restricted inside the
 * container than outside. (runc keeps the flags by itself.)
 */
export function withFlagsOfSources(spec: OciSpec): OciSpec {
  return { ...spec, mounts: spec.mounts.map(withFlagsOfSource) };
}

function withFlagsOfSource(mount: OciMount): OciMount {
  const { type, source, options = [] } = mount;
  if (type !== 'bind' || source === undefined) return mount;
  const flags = mountFlagsOf(source).filter((flag) => !options.includes(flag));
  if (flags.length === 0) return mount;
  return { ...mount, options: [...options.filter((word) => word !== 'rw' || !flags.includes('ro')), ...flags] };
}
