import { compileSeccomp } from '../../linux/index.ts';
import type { OciSpec } from './oci-spec.ts';

/** crun takes the finished BPF program from here and leaves `linux.seccomp` alone (crun.1, annotations). */
const ANNOTATION = 'run.oci.seccomp_bpf_data';
const MAX_CACHED = 64;

const compiled = new Map<string, string | undefined>();

/**
 * The spec with its seccomp filter compiled, for crun: that is half of what it takes crun to create a container, and nearly
 * all containers have the same filter. The filter stays in the spec as well, for a crun that does not know the annotation.
 */
export function withCompiledSeccomp(spec: OciSpec): OciSpec {
  const filter = spec.linux?.seccomp;
  if (filter === undefined) return spec;
  const key = JSON.stringify(filter);
  if (!compiled.has(key)) {
    if (compiled.size >= MAX_CACHED) compiled.clear();
    compiled.set(key, compileSeccomp(filter)?.toString('base64'));
  }
  const program = compiled.get(key);
  return program === undefined ? spec : { ...spec, annotations: { ...spec.annotations, [ANNOTATION]: program } };
}
