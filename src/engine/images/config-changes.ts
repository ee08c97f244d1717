import type { HealthConfig, ImageRunConfig } from '../../core/oci.ts';
import { didYouMean } from '../../core/nearest.ts';
import { invalidChange } from './errors.ts';

type Mutable = ImageRunConfig;

const KNOWN: Readonly<Record<string, (config: Mutable, argument: string) => void>> = {
  CMD: (c, a) => void (c.Cmd = command(c, a)),
  ENTRYPOINT: (c, a) => void (c.Entrypoint = command(c, a)),
  ENV: (c, a) => {
    for (const [key, value] of pairs('ENV', a)) {
      const others = (c.Env ?? []).filter((entry) => !entry.startsWith(`${key}=`));
      c.Env = [...others, `${key}=${value}`];
    }
  },
  EXPOSE: (c, a) => {
    for (const port of words(a))
      c.ExposedPorts = { ...c.ExposedPorts, [port.includes('/') ? port : `${port}/tcp`]: {} };
  },
  LABEL: (c, a) => void (c.Labels = { ...c.Labels, ...Object.fromEntries(pairs('LABEL', a)) }),
  ONBUILD: (c, a) => void (c.OnBuild = [...(c.OnBuild ?? []), a]),
  STOPSIGNAL: (c, a) => void (c.StopSignal = a),
  USER: (c, a) => void (c.User = a),
  VOLUME: (c, a) => {
    for (const path of jsonArray(a) ?? words(a)) c.Volumes = { ...c.Volumes, [path]: {} };
  },
  WORKDIR: (c, a) => void (c.WorkingDir = a.startsWith('/') ? a : `${c.WorkingDir ?? ''}/${a}`.replace(/\/+/g, '/')),
  HEALTHCHECK: (c, a) => void (c.Healthcheck = healthcheck(a)),
};

/**
 * Applies Dockerfile instructions, as `docker commit --change` and `docker import --change` take them, to a config; a new one is
 * given back. @throws {WharfError} `INVALID_CHANGE`
 */
export function applyChanges(config: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const changed: Mutable = { ...config };
  for (const line of changes.flatMap((text) => text.split('\n'))) {
    const text = line.trim();
    if (text === '') continue;
    const [, word = '', argument = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
    const apply = KNOWN[word.toUpperCase()];
    if (!apply) {
      const near = didYouMean(word.toUpperCase(), Object.keys(KNOWN));
      throw invalidChange({ why: `${word} is not a valid change command${near}` });
    }
    if (argument === '') throw invalidChange({ why: `${word.toUpperCase()} requires at least one argument` });
    apply(changed, argument);
  }
  return changed;
}

function command(config: Mutable, argument: string): string[] {
  return jsonArray(argument) ?? [...(config.Shell ?? ['/bin/sh', '-c']), argument];
}

function jsonArray(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // shell form, as everywhere in Dockerfiles
  }
  return Array.isArray(value) && value.every((v) => typeof v === 'string') ? value : undefined;
}

/** Splits at blanks; quotes hold together and a backslash takes the next character as it is. */
function words(text: string): string[] {
  const found: string[] = [];
  for (const [raw] of text.matchAll(/(?:\\.|"(?:\\.|[^"])*"|'[^']*'|[^\s"'\\])+/g)) {
    found.push(
      raw.replace(
        /\\(.)|"((?:\\.|[^"])*)"|'([^']*)'/g,
        (_, escaped?: string, double?: string, single?: string) =>
          escaped ?? (double === undefined ? (single ?? '') : double.replace(/\\(["\\$])/g, '$1')),
      ),
    );
  }
  return found;
}

function pairs(instruction: string, text: string): [string, string][] {
  const all = words(text);
  const [first = ''] = all;
  if (!first.includes('=')) {
    const [, key = '', value = ''] = /^(\S+)\s+([\s\S]*)$/.exec(text) ?? [];
    if (key === '') throw invalidChange({ why: `${instruction} must have two arguments` });
    return [[key, value]];
  }
  return all.map((word) => {
    const equals = word.indexOf('=');
    if (equals <= 0) {
      throw invalidChange({
        why: `Syntax error - can't find = in "${word}". Must be of the form: name=value`,
      });
    }
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function healthcheck(argument: string): HealthConfig {
  const health: HealthConfig = {};
  let rest = argument;
  for (let m = /^--([a-z-]+)=(\S+)\s+/.exec(rest); m; m = /^--([a-z-]+)=(\S+)\s+/.exec(rest)) {
    const [all, flag = '', value = ''] = m;
    rest = rest.slice(all.length);
    if (flag === 'retries') health.Retries = Number(value);
    else if (flag === 'interval') health.Interval = durationNanos(value);
    else if (flag === 'timeout') health.Timeout = durationNanos(value);
    else if (flag === 'start-period') health.StartPeriod = durationNanos(value);
    else if (flag === 'start-interval') health.StartInterval = durationNanos(value);
    else throw invalidChange({ why: `unknown flag: --${flag}` });
  }
  if (/^none$/i.test(rest.trim())) return { Test: ['NONE'] };
  const [, text] = /^cmd\s+([\s\S]+)$/i.exec(rest) ?? [];
  if (text === undefined)
    throw invalidChange({ why: `Unknown type "${rest.split(/\s/)[0] ?? ''}" in HEALTHCHECK (try CMD)` });
  const exec = jsonArray(text);
  return { Test: exec ? ['CMD', ...exec] : ['CMD-SHELL', text], ...health };
}

const UNIT: Readonly<Record<string, number>> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };
function durationNanos(text: string): number {
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|ns))+$/.test(text)) throw invalidChange({ why: `time: invalid duration "${text}"` });
  let nanos = 0;
  for (const [, n, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)/g))
    nanos += Number(n) * (UNIT[unit ?? ''] ?? 0);
  return nanos;
}
