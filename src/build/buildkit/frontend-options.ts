import { messageOf } from '../../core/errors.ts';
import { isOddCgroupParent, parseUlimit } from '../../core/ulimits.ts';
import type { BuildRequest, RunLimits } from '../contract.ts';
import type { CacheSpec } from '../remote-cache/spec.ts';
import { CODE, RpcError } from './grpc/status.ts';

/** What the attributes of the Dockerfile frontend ask for. */
export interface FrontendOptions {
  /** Names of the client's directories. */
  readonly contextDirectory: string;
  readonly dockerfileDirectory: string;
  /** A context that is no directory of the client's. */
  readonly contextUrl: string | undefined;
  /** Nothing is built: findings are asked for, or what `describe` says. */
  readonly checkOnly: boolean;
  readonly describe: 'outline' | 'targets' | undefined;
  readonly namedContexts: Readonly<Record<string, string>>;
  readonly cacheFrom: readonly CacheSpec[];
  readonly request: Omit<BuildRequest, 'context' | 'tags' | 'registryConfig' | 'extras'> & {
    readonly noCacheStages: readonly string[];
  };
}

/** Attributes that change nothing here: names that are only for messages, and what is read elsewhere. */
const WITHOUT_EFFECT =
  /^(cache-from|cache-imports|cmdline|hostname|contextkey|dockerfilekey|context-keep-git-dir|multi-platform|localdir:.*|local-sessionid:.*|input-metadata:.*|vcs:.*|attest:.*|frontend\.caps|source-date-epoch)$/;

/** What a client can ask of the frontend, by how it is named on the wire. */
const REQUESTS: Readonly<Record<string, 'build' | 'lint' | 'outline' | 'targets'>> = {
  '': 'build',
  'frontend.lint': 'lint',
  'frontend.outline': 'outline',
  'frontend.targets': 'targets',
};

/**
 * Reads the attributes of `dockerfile.v0`.
 * @throws {RpcError} at one that asks for what cannot be done
 * @see https://github.com/moby/buildkit/blob/master/frontend/dockerui/config.go
 */
export function readFrontendOptions(attrs: Readonly<Record<string, string>>): FrontendOptions {
  const refuse = (what: string): never => {
    throw new RpcError(CODE.unimplemented, `${what} is not supported by this builder`);
  };
  const buildArgs: Record<string, string> = {};
  const labels: Record<string, string> = {};
  const namedContexts: Record<string, string> = {};
  const take = (key: string, value: string): boolean => {
    for (const [prefix, into] of [
      ['build-arg:', buildArgs],
      ['label:', labels],
      ['context:', namedContexts],
    ] as const) {
      if (!key.startsWith(prefix)) continue;
      into[key.slice(prefix.length)] = value;
      return true;
    }
    return WITHOUT_EFFECT.test(key);
  };
  const known = new Set([
    'filename',
    'target',
    'no-cache',
    'image-resolve-mode',
    'platform',
    'add-hosts',
    'force-network-mode',
    'shm-size',
    'ulimit',
    'cgroup-parent',
    'context',
    'requestid',
  ]);
  for (const [key, value] of Object.entries(attrs)) if (!known.has(key) && !take(key, value)) refuse(`option "${key}"`);

  const { requestid = '', platform = '', context } = attrs;
  const call = REQUESTS[requestid] ?? refuse(`request "${requestid}"`);
  const limits = limitsOf(attrs);
  const noCache = attrs['no-cache'];
  return {
    contextDirectory: attrs['contextkey'] ?? 'context',
    dockerfileDirectory: attrs['dockerfilekey'] ?? 'dockerfile',
    contextUrl: context === undefined || context === '' ? undefined : context,
    checkOnly: call !== 'build',
    describe: call === 'outline' || call === 'targets' ? call : undefined,
    namedContexts,
    cacheFrom: cacheSources(attrs),
    request: {
      dockerfile: attrs['filename'] || 'Dockerfile',
      target: attrs['target'] ?? '',
      buildArgs,
      labels,
      noCache: noCache === '',
      noCacheStages: (noCache ?? '').split(',').filter((name) => name !== ''),
      pull: attrs['image-resolve-mode'] === 'pull',
      quiet: false,
      networkMode: attrs['force-network-mode'] || 'default',
      extraHosts: (attrs['add-hosts'] ?? '')
        .split(',')
        .filter((host) => host !== '')
        .map((host) => host.replace('=', ':')),
      cacheFrom: [],
      shmSizeBytes: Number(attrs['shm-size'] ?? 0) || undefined,
      limits,
      platform,
    },
  };
}

/** What `--cache-from` names, as older clients say it or as newer ones do. */
function cacheSources({
  'cache-imports': imports,
  'cache-from': names = '',
}: Readonly<Record<string, string>>): CacheSpec[] {
  if (imports === undefined) {
    const images = names.split(',').filter((name) => name !== '');
    return images.map((ref) => ({ type: 'registry', attrs: { ref } }));
  }
  let entries: unknown;
  try {
    entries = JSON.parse(imports);
  } catch {
    throw new RpcError(CODE.invalidArgument, 'cache-imports: a JSON list is expected');
  }
  if (!Array.isArray(entries)) throw new RpcError(CODE.invalidArgument, 'cache-imports: a JSON list is expected');
  return entries.flatMap((entry: { Type?: unknown; Attrs?: Readonly<Record<string, unknown>> } | null) => {
    if (typeof entry?.Type !== 'string') return [];
    const attrs = Object.entries(entry.Attrs ?? {}).map(([key, value]) => [key, String(value)]);
    return [{ type: entry.Type, attrs: Object.fromEntries(attrs) as Record<string, string> }];
  });
}

/** @throws {RpcError} at limits that there are not */
function limitsOf({ ulimit = '', 'cgroup-parent': cgroupParent = '' }: Readonly<Record<string, string>>): RunLimits {
  if (isOddCgroupParent(cgroupParent)) {
    throw new RpcError(CODE.invalidArgument, `invalid cgroup parent: ${JSON.stringify(cgroupParent.slice(0, 100))}`);
  }
  try {
    const texts = ulimit.split(',').filter((text) => text !== '');
    return { ulimits: texts.map((text) => parseUlimit(text)), cgroupParent };
  } catch (e) {
    throw new RpcError(CODE.invalidArgument, messageOf(e));
  }
}
