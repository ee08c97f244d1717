import type { DeviceMapping, HealthConfig, RestartPolicy, Ulimit } from '../../core/wire/container.ts';
import { parseUlimit } from '../../core/ulimits.ts';
import { csvFields } from './csv.ts';
import { parseBytes } from './quantity.ts';

/** `--memory-swap`: `-1` is no size, and means no limit. */
export function swapBytes(text: string): number {
  return text === '-1' ? -1 : parseBytes(text);
}

/** `CAP_` before every name, each name once, in order. */
export function capabilities(names: readonly string[]): string[] {
  const full = names.map((name) => name.trim().toUpperCase()).map((n) => (/^(ALL$|CAP_)/.test(n) ? n : `CAP_${n}`));
  return [...new Set(full)].toSorted();
}

/** All `--ulimit`s, the last of each name, in the order of their names. @throws {Error} in docker's words */
export function ulimits(texts: readonly string[]): Ulimit[] {
  const byName = new Map(texts.map((text) => parseUlimit(text)).map((limit) => [limit.Name, limit]));
  return [...byName.values()].toSorted((a, b) => ((a.Name ?? '') < (b.Name ?? '') ? -1 : 1));
}

/** `--restart no|always|unless-stopped|on-failure[:n]`. @throws {Error} in docker's words */
export function parseRestart(text: string): RestartPolicy {
  if (text === '') return { Name: '', MaximumRetryCount: 0 };
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === '') throw new Error('invalid restart policy format: no policy provided before colon');
  const count = colon < 0 ? '0' : text.slice(colon + 1);
  if (count !== '' && !/^-?\d+$/.test(count))
    throw new Error('invalid restart policy format: maximum retry count must be an integer');
  return { Name: name as RestartPolicy['Name'], MaximumRetryCount: Number(count) };
}

/** `--device /dev/x[:/dev/y[:rwm]]`. @throws {Error} in docker's words */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(':');
  const modes = (mode: string) => /^[rwm]+$/.test(mode);
  const [from = '', to, mode] = parts;
  if (parts.length > 3 || from === '') throw new Error(`bad format for path: ${text}`);
  if (mode !== undefined && !modes(mode)) throw new Error(`bad mode specified: ${mode}`);
  if (!from.startsWith('/')) throw new Error(`${from} is not an absolute path`);
  if (to !== undefined && mode === undefined && modes(to)) {
    return { PathOnHost: from, PathInContainer: from, CgroupPermissions: to };
  }
  if (to && !to.startsWith('/')) throw new Error(`${to} is not an absolute path`);
  return { PathOnHost: from, PathInContainer: to || from, CgroupPermissions: mode ?? 'rwm' };
}

/** `vendor/class=name`: a device that the Container Device Interface knows. */
export function isCdiDevice(text: string): boolean {
  return /^[a-zA-Z]([\w.-]*[a-zA-Z0-9])?\/[a-zA-Z]([\w-]*[a-zA-Z0-9])?=[a-zA-Z0-9]([\w.:-]*[a-zA-Z0-9])?$/.test(text);
}

/** `--gpus all|N|device=0,1,capabilities=utility`: one entry of `DeviceRequests`. @throws {Error} */
export function parseGpus(text: string): Record<string, unknown> {
  const request: Record<string, unknown> = { Driver: '', Count: 0, DeviceIDs: null, Options: {} };
  let capabilities = ['gpu'];
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    const key = equals < 0 ? 'count' : field.slice(0, equals);
    const value = field.slice(equals + 1);
    if (key === 'count') {
      if (value !== 'all' && !/^-?\d+$/.test(value))
        throw new Error(`invalid count (${value}): value must be either "all" or an integer: invalid syntax`);
      request['Count'] = value === 'all' ? -1 : Number(value);
    } else if (key === 'device') request['DeviceIDs'] = value.split(',');
    else if (key === 'driver') request['Driver'] = value;
    else if (key === 'capabilities') capabilities = [...value.split(','), 'gpu'];
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  return { ...request, Capabilities: [capabilities] };
}

export interface HealthFlags {
  readonly healthCmd: string | undefined;
  readonly healthInterval: number | undefined;
  readonly healthTimeout: number | undefined;
  readonly healthStartPeriod: number | undefined;
  readonly healthStartInterval: number | undefined;
  readonly healthRetries: number | undefined;
  readonly noHealthcheck: boolean;
}

/** The health check asked for, or `undefined` for the image's own. @throws {Error} in docker's words */
export function healthOf(flags: HealthFlags): HealthConfig | undefined {
  const wanted: HealthConfig = {};
  if (flags.healthCmd !== undefined) wanted.Test = flags.healthCmd === '' ? [] : ['CMD-SHELL', flags.healthCmd];
  const times = [
    ['Interval', flags.healthInterval, '--health-interval'],
    ['Timeout', flags.healthTimeout, '--health-timeout'],
    ['StartPeriod', flags.healthStartPeriod, '--health-start-period'],
    ['StartInterval', flags.healthStartInterval, '--health-start-interval'],
    ['Retries', flags.healthRetries, '--health-retries'],
  ] as const;
  for (const [field, value, name] of times) {
    if (value === undefined) continue;
    if (value < 0) throw new Error(`${name} cannot be negative`);
    wanted[field] = value;
  }
  if (flags.noHealthcheck) {
    if (Object.keys(wanted).length > 0) throw new Error('--no-healthcheck conflicts with --health-* options');
    return { Test: ['NONE'] };
  }
  return Object.keys(wanted).length === 0 ? undefined : wanted;
}

/** `--security-opt`: profiles that are files are read here. @throws {Error} for a file that cannot be read or is no JSON */
export function securityOptions(
  options: readonly string[],
  readFile: (path: string) => string,
): { readonly options: string[]; readonly unconfinedPaths: boolean } {
  let unconfinedPaths = false;
  const result: string[] = [];
  for (const option of options) {
    const m = /^([^=:]+)[=:](.*)$/s.exec(option);
    if (m === null && option !== 'no-new-privileges') throw new Error(`Invalid --security-opt: "${option}"`);
    if (m?.[1] === 'systempaths' && m[2] === 'unconfined') unconfinedPaths = true;
    else if (m?.[1] === 'seccomp' && m[2] !== 'unconfined' && m[2] !== 'builtin') {
      let text: string;
      try {
        text = readFile(m[2] ?? '');
      } catch (e) {
        throw new Error(`opening seccomp profile (${m[2]}) failed: open ${m[2]}: no such file or directory`, {
          cause: e,
        });
      }
      try {
        result.push(`seccomp=${JSON.stringify(JSON.parse(text))}`);
      } catch (e) {
        throw new Error(`compacting json for seccomp profile (${m[2]}) failed: ${jsonFault(text)}`, { cause: e });
      }
    } else result.push(option);
  }
  return { options: result, unconfinedPaths };
}

/** What Go's JSON reader says of the first letter that cannot begin a value; else that it is no JSON. */
function jsonFault(text: string): string {
  const first = text.trimStart()[0];
  if (first === undefined) return 'unexpected end of JSON input';
  return /[[{"\dtfn-]/.test(first) ? 'not valid JSON' : `invalid character '${first}' looking for beginning of value`;
}
