import type { HealthConfig, ImageRunConfig } from '../../core/oci.ts';
import type { ContainerConfig } from '../../core/wire/container.ts';

/**
 * What a container runs: the request on top of its image's config. Environment, labels, ports and volumes are united with
 * the request winning; an entrypoint in the request drops the image's command; `[""]` means no entrypoint.
 */
export function mergeConfig(request: ContainerConfig, image: ImageRunConfig | undefined): ContainerConfig {
  const base = image ?? {};
  const merged: ContainerConfig = { ...request };
  merged.Env = mergeEnv(base.Env ?? [], request.Env ?? []);
  merged.Labels = { ...base.Labels, ...request.Labels };
  const ports = { ...base.ExposedPorts, ...request.ExposedPorts };
  if (Object.keys(ports).length > 0) merged.ExposedPorts = ports;
  const volumes = { ...base.Volumes, ...request.Volumes };
  merged.Volumes = Object.keys(volumes).length > 0 ? volumes : null;
  if (!request.User) merged.User = base.User ?? '';
  if (!request.WorkingDir) merged.WorkingDir = base.WorkingDir ?? '';
  const stopSignal = request.StopSignal || base.StopSignal;
  if (stopSignal) merged.StopSignal = stopSignal;
  const shell = request.Shell ?? base.Shell;
  if (shell !== null && shell !== undefined) merged.Shell = shell;
  const health = mergeHealth(request.Healthcheck, base.Healthcheck);
  if (health === undefined) delete merged.Healthcheck;
  else merged.Healthcheck = health;

  const entrypoint = request.Entrypoint ?? [];
  const command = request.Cmd ?? [];
  if (entrypoint.length === 0) {
    merged.Entrypoint = base.Entrypoint?.length ? base.Entrypoint : null;
    merged.Cmd = command.length > 0 ? command : base.Cmd?.length ? base.Cmd : null;
  } else {
    merged.Entrypoint = entrypoint.length === 1 && entrypoint[0] === '' ? null : entrypoint;
    merged.Cmd = command.length > 0 ? command : null;
  }
  merged.OnBuild = null;
  return merged;
}

/** Program and arguments: entrypoint, then command. */
export function argvOf(config: ContainerConfig): string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}

/**
 * `NAME=value` entries of `over` replace those of the same name in `under`, in place; new ones follow. A bare `NAME` takes
 * the variable away.
 */
export function mergeEnv(under: readonly string[], over: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of under) byName.set(nameOf(entry), entry);
  for (const entry of over) {
    const name = nameOf(entry);
    if (entry.includes('=')) byName.set(name, entry);
    else byName.delete(name);
  }
  return [...byName.values()];
}

function nameOf(entry: string): string {
  const at = entry.indexOf('=');
  return at < 0 ? entry : entry.slice(0, at);
}

/** Field by field: a request that only changes the interval keeps the image's test. */
function mergeHealth(request: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (request === undefined) return image;
  if (image === undefined) return request;
  const merged: HealthConfig = { ...image };
  if (request.Test?.length) merged.Test = request.Test;
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'] as const) {
    if (request[field]) merged[field] = request[field];
  }
  return merged;
}
