import { invalidParameter } from '../core/errors.ts';
import type { BuildExtras, DirectoryClaim } from './contract.ts';
import type { CacheSpec } from './remote-cache/spec.ts';

/**
 * Reads the header `X-Wharf-Build`: base64url of JSON with the fields of `BuildExtras` but `secrets`, which come with the
 * context. Fields that are not known are left alone, for the sake of newer clients.
 * @throws {WharfError} `INVALID_PARAMETER`
 */
export function parseBuildExtras(header: string | readonly string[] | undefined): BuildExtras | undefined {
  if (header === undefined || header === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(String(header), 'base64url').toString('utf8'));
  } catch (cause) {
    throw invalidParameter({ message: 'X-Wharf-Build: base64url of a JSON object is expected' }, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidParameter({ message: 'X-Wharf-Build: a JSON object is expected' });
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const flag = (name: string) => fields.get(name) === true;
  const texts = (name: string): Record<string, string> => {
    const found = fields.get(name) ?? {};
    if (typeof found !== 'object' || found === null || !Object.values(found).every((v) => typeof v === 'string')) {
      throw invalidParameter({ message: `X-Wharf-Build: ${name} has to be an object of texts` });
    }
    return found as Record<string, string>;
  };
  const side = fields.get('sideDirectory');
  if (side !== undefined && (typeof side !== 'string' || !/^[\w.-]{1,100}$/.test(side))) {
    throw invalidParameter({ message: 'X-Wharf-Build: sideDirectory has to be a plain name' });
  }
  const project = fields.get('project');
  const describe = fields.get('describe');
  const dockerfileName = fields.get('dockerfileName');
  const directories = fields.get('directories');
  return {
    // Who sends this header expects what `docker build` makes today.
    style: 'buildkit',
    project: typeof project === 'string' ? project : undefined,
    dockerfileName: typeof dockerfileName === 'string' ? dockerfileName : undefined,
    allow: Object.values(texts('allow')),
    events: flag('events'),
    checkOnly: flag('checkOnly'),
    cacheFrom: specsOf(fields.get('cacheFrom'), 'cacheFrom'),
    cacheTo: specsOf(fields.get('cacheTo'), 'cacheTo'),
    describe: describe === 'outline' || describe === 'targets' ? describe : undefined,
    push: pushesOf(fields.get('push')),
    keepInCache: flag('keepInCache'),
    keepFailed: flag('keepFailed'),
    noCacheStages: Object.values(texts('noCacheStages')),
    sshSockets: texts('sshSockets'),
    namedContexts: texts('namedContexts'),
    ...(side === undefined ? {} : { sideDirectory: side }),
    ...(directories === undefined ? {} : { directories: claimsOf(directories) }),
  };
}

function specsOf(value: unknown, name: string): CacheSpec[] {
  const isSpec = (spec: unknown): spec is CacheSpec => {
    if (typeof spec !== 'object' || spec === null) return false;
    const { type, attrs } = spec as Partial<Record<keyof CacheSpec, unknown>>;
    if (typeof type !== 'string' || typeof attrs !== 'object' || attrs === null) return false;
    return Object.values(attrs).every((attr) => typeof attr === 'string');
  };
  const specs = value ?? [];
  if (!Array.isArray(specs) || !specs.every(isSpec)) {
    throw invalidParameter({ message: `X-Wharf-Build: ${name} has to be a list of type and attrs` });
  }
  return specs;
}

function pushesOf(value: unknown): Readonly<Record<string, string>>[] {
  const pushes = value ?? [];
  const isPush = (push: unknown): push is Readonly<Record<string, string>> =>
    typeof push === 'object' && push !== null && Object.values(push).every((attr) => typeof attr === 'string');
  if (!Array.isArray(pushes) || !pushes.every(isPush)) {
    throw invalidParameter({ message: 'X-Wharf-Build: push has to be a list of objects of texts' });
  }
  return pushes;
}

function claimsOf(value: unknown): Record<string, DirectoryClaim> {
  const isClaim = (claim: unknown): claim is DirectoryClaim => {
    if (typeof claim !== 'object' || claim === null) return false;
    const { fd, stat, boot } = claim as Partial<Record<keyof DirectoryClaim, unknown>>;
    return Number.isInteger(fd) && typeof stat === 'string' && typeof boot === 'string';
  };
  if (typeof value !== 'object' || value === null || !Object.values(value).every(isClaim)) {
    throw invalidParameter({ message: 'X-Wharf-Build: directories has to be an object of fd, stat and boot' });
  }
  return value as Record<string, DirectoryClaim>;
}
