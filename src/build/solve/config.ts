import { constants } from 'node:os';
import { posix } from 'node:path';
import type { HealthConfig, ImageRunConfig } from '../../core/oci.ts';
import type { Command, HealthcheckSpec } from '../dockerfile/instructions.ts';
import { stepFailed } from '../errors.ts';

/** What an instruction that only describes the image does to its config. All pure. */
const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];
export const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function shellOf(config: ImageRunConfig): readonly string[] {
  return config.Shell ?? DEFAULT_SHELL;
}

/** What a command runs: shell form goes to the shell in effect. */
export function argvOf(command: Command, config: ImageRunConfig): string[] {
  return command.form === 'exec' ? [...command.args] : [...shellOf(config), command.text];
}

/** A variable that is there is replaced in its place. */
export function setEnv(config: ImageRunConfig, pairs: readonly { name: string; value: string }[]): ImageRunConfig {
  const env = [...(config.Env ?? [])];
  for (const { name, value } of pairs) {
    const at = env.findIndex((pair) => pair === name || pair.startsWith(`${name}=`));
    if (at < 0) env.push(`${name}=${value}`);
    else env[at] = `${name}=${value}`;
  }
  return { ...config, Env: env };
}

export function setLabels(config: ImageRunConfig, pairs: readonly { name: string; value: string }[]): ImageRunConfig {
  return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs.map((p) => [p.name, p.value])) } };
}

export function workdirOf(config: ImageRunConfig, path: string): string {
  const clean = posix.normalize(posix.isAbsolute(path) ? path : posix.join(config.WorkingDir || '/', path));
  return clean === '/' ? '/' : `/${clean.replace(/^\/+/, '').replace(/\/+$/, '')}`;
}

/**
 * `80`, `80/udp`, `8000-8010/tcp`; an address or host port in front is tolerated.
 * @throws {WharfError} `BUILD_STEP_FAILED`
 */
export function exposePorts(config: ImageRunConfig, specs: readonly string[]): ImageRunConfig {
  const ports: Record<string, Record<string, never>> = { ...config.ExposedPorts };
  for (const spec of specs) {
    const [range = '', protocol = 'tcp', ...more] = spec.split('/');
    const proto = protocol.toLowerCase();
    if (more.length > 0 || !['tcp', 'udp', 'sctp'].includes(proto)) {
      throw stepFailed({ message: `invalid port: ${JSON.stringify(spec)}: invalid proto: ${protocol}` });
    }
    const container = range.slice(range.lastIndexOf(':') + 1);
    const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(container) ?? [];
    const first = Number(from);
    const last = Number(to ?? from);
    if (from === undefined || first > 65535 || last > 65535 || first < 1 || last < first) {
      throw stepFailed({ message: `invalid containerPort: ${container}` });
    }
    for (let port = first; port <= last; port++) ports[`${port}/${proto}`] = {};
  }
  return { ...config, ExposedPorts: ports };
}

export function addVolumes(config: ImageRunConfig, paths: readonly string[]): ImageRunConfig {
  return { ...config, Volumes: { ...config.Volumes, ...Object.fromEntries(paths.map((p) => [p, {}])) } };
}

/** @param cmdSet whether this stage has set CMD itself: else ENTRYPOINT drops the one of the base */
export function setEntrypoint(config: ImageRunConfig, command: Command, cmdSet: boolean): ImageRunConfig {
  return { ...config, Entrypoint: argvOf(command, config), ...(cmdSet ? {} : { Cmd: null }) };
}

/** A later HEALTHCHECK replaces the earlier one as a whole. */
export function healthcheckOf(spec: HealthcheckSpec): HealthConfig {
  if (spec.command === 'none') return { Test: ['NONE'] };
  const { command } = spec;
  const times = {
    Interval: spec.intervalNanos,
    Timeout: spec.timeoutNanos,
    StartPeriod: spec.startPeriodNanos,
    StartInterval: spec.startIntervalNanos,
    Retries: spec.retries,
  };
  return {
    Test: command.form === 'shell' ? ['CMD-SHELL', command.text] : ['CMD', ...command.args],
    ...Object.fromEntries(Object.entries(times).filter(([, value]) => value !== 0)),
  };
}

/** @throws {WharfError} `BUILD_STEP_FAILED` unless it is a signal's name, with or without SIG, or number */
export function checkSignal(signal: string): string {
  const name = signal.toUpperCase();
  const known = Object.hasOwn(constants.signals, name) || Object.hasOwn(constants.signals, `SIG${name}`);
  const realTime = /^(SIG)?RTM(IN(\+\d{1,2})?|AX(-\d{1,2})?)$/.test(name);
  const number = /^\d+$/.test(signal) && Number(signal) >= 1 && Number(signal) <= 64;
  if (!known && !realTime && !number) throw stepFailed({ message: `invalid signal: ${signal}` });
  return signal;
}
