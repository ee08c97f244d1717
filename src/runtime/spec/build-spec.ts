import type { OciProcess, OciResources, OciSpec } from './oci-spec.ts';
import type { ResourceInput, SpecInput } from './input.ts';

/** The bundle's config.json for a container. */
export function buildSpec(_input: SpecInput): OciSpec {
  throw new Error('the spec is being written');
}
/** The process of an exec, derived from the container's own spec. `args` empty keeps nothing of the container's command. */
export function buildExecProcess(
  _container: OciSpec,
  _exec: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string | undefined;
    readonly user:
      | {
          readonly uid: number;
          readonly gid: number;
          readonly additionalGids: readonly number[];
          readonly home: string;
        }
      | undefined;
    readonly tty: boolean;
    readonly privileged: boolean;
  },
): OciProcess {
  throw new Error('the spec is being written');
}
/** The resources section for `update`. */
export function buildResources(_input: ResourceInput): OciResources {
  throw new Error('the spec is being written');
}
