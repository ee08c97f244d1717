import type {
  FileDefinition,
  IncludeItem,
  IpamConfig,
  Model,
  NetworkDefinition,
  VolumeDefinition,
} from '../model/project.ts';
import type { Json, Service } from '../model/service.ts';
import { composeFileInvalid } from '../errors.ts';
import { nearest } from '../../core/nearest.ts';
import { isRemoteFile, REMOTE_HINT } from './discover.ts';
import { withoutDashes } from './hints.ts';
import { SERVICE_KEYS, TOP_KEYS } from './known-keys.ts';
import { resolveHostPath } from './short-volumes.ts';
import type { Shape, Where } from './shape.ts';
import {
  anything,
  below,
  boolean,
  invalidAt,
  labels,
  list,
  mapOf,
  object,
  oneOrMany,
  string,
  text,
  unknownKey,
  wrong,
} from './shape.ts';
import { serviceShape } from './service-shape.ts';
import type { MapTree, Tree } from './tree.ts';
import { describe, isNull, plain } from './tree.ts';

const NAME = /^[a-zA-Z0-9._-]+$/;

/** `external: true`, or the old `external: {name: x}`. */
interface External {
  readonly external?: boolean | { readonly name?: string };
}
const external: Shape<NonNullable<External['external']>> = {
  read(tree, where) {
    if (tree.kind !== 'map') return boolean.read(tree, where);
    where.warn(
      `${where.path.replace(/\.external$/, '')}: external.name is deprecated. Please set name and external: true`,
    );
    return object<{ name?: string }>({ name: string }).read(tree, where);
  },
};

function withExternal<T extends { readonly external?: boolean; readonly name?: string }>(
  shape: Shape<Omit<T, 'external'> & External>,
): Shape<T> {
  return {
    read(tree, where) {
      const { external: said, ...rest } = shape.read(tree, where);
      if (said === undefined) return rest as unknown as T;
      if (typeof said === 'boolean') return { ...rest, external: said } as unknown as T;
      return { ...rest, ...(said.name === undefined ? {} : { name: said.name }), external: true } as unknown as T;
    },
  };
}

const network = withExternal<NetworkDefinition>(
  object<Omit<NetworkDefinition, 'external'> & External>({
    name: string,
    driver: string,
    driver_opts: labels,
    external,
    internal: boolean,
    attachable: boolean,
    enable_ipv4: boolean,
    enable_ipv6: boolean,
    labels,
    ipam: object<NonNullable<NetworkDefinition['ipam']>>({
      driver: string,
      options: labels,
      config: list(object<IpamConfig>({ subnet: string, ip_range: string, gateway: string, aux_addresses: labels })),
    }),
  }),
);
const volume = withExternal<VolumeDefinition>(
  object<Omit<VolumeDefinition, 'external'> & External>({
    name: string,
    driver: string,
    driver_opts: labels,
    external,
    labels,
  }),
);
const path: Shape<string> = { read: (tree, where) => resolveHostPath(string.read(tree, where), where) };
const file = withExternal<FileDefinition>(
  object<Omit<FileDefinition, 'external'> & External>(
    {
      name: string,
      file: path,
      environment: string,
      content: string,
      external,
      labels,
      driver: string,
      driver_opts: labels,
      template_driver: string,
    },
    [],
    'file',
  ),
);

const localPath: Shape<string> = {
  read(tree, where) {
    if (tree.kind === 'scalar' && isRemoteFile(tree.source))
      throw invalidAt(tree, `${where.path}: remote Compose files are not supported: ${tree.source}`, REMOTE_HINT);
    return path.read(tree, where);
  },
};
const includeItem = object<Omit<IncludeItem, 'path'> & { path: string[] }>(
  { path: oneOrMany(localPath), project_directory: path, env_file: oneOrMany(path) },
  ['path'],
);
/** Reads the top-level `include`. */
export const includeShape: Shape<IncludeItem[]> = list({
  read: (tree, where) =>
    tree.kind === 'scalar' ? { path: [localPath.read(tree, where)] } : includeItem.read(tree, where),
});

/** Reads a map of named things; `null` entries are empty ones. */
function named<T>(shape: Shape<T>): Shape<Record<string, T>> {
  return {
    read(tree, where) {
      if (tree.kind !== 'map') throw wrong(tree, where, 'a map', withoutDashes(tree));
      const found: Record<string, T> = {};
      for (const [name, { at, value }] of tree.entries) {
        if (!NAME.test(name))
          throw invalidAt(
            { at },
            `${where.path}: "${name}" is no name; names are made of letters, digits, ".", "_" and "-"`,
          );
        where.note(`${where.path}.${name}`, at);
        const empty: Tree = { kind: 'map', entries: new Map(), at };
        if (where.path === 'volumes' && value.kind === 'scalar' && /^[./~]/.test(value.source))
          throw wrong(
            value,
            below(where, name),
            'a map',
            `a folder of the host is named where it is mounted: "${value.source}:/TARGET" under the service's volumes`,
          );
        found[name] = shape.read(isNull(value) ? empty : value, below(where, name));
      }
      return found;
    },
  };
}

const services: Shape<Record<string, Service>> = {
  read(tree, where) {
    if (tree.kind !== 'map') throw wrong(tree, where, 'a map of services', withoutDashes(tree));
    for (const [name, { at, value }] of tree.entries) {
      const misplaced = (name === 'volumes' || name === 'secrets' || name === 'networks') && looksLikeResources(value);
      if (misplaced) {
        throw composeFileInvalid(
          {
            message: `"${name}" stands below services, where it would be a service of that name; expected it at the top level`,
          },
          { at, hint: `take "${name}:" and what is below it out of services: remove its indentation` },
        );
      }
      if (value.kind === 'scalar') {
        const slip = typeof value.value === 'string' ? /^([\w-]+):(\S.*)$/.exec(value.value) : null;
        if (slip)
          throw invalidAt(
            value,
            `a space is missing after the colon in "${value.source}"; expected "${slip[1]}: ${slip[2]}"`,
          );
        throw invalidAt(
          isNull(value) ? { at } : value,
          `services.${name} must be a map, not ${describe(value)}`,
          serviceHint(name, value, tree),
        );
      }
      if (value.kind === 'list')
        throw invalidAt({ at }, `services.${name} must be a map, not a list`, serviceHint(name, value, tree));
    }
    return named(serviceShape).read(tree, where);
  },
};

/** What to do about a service that is none: mostly a line that is not indented far enough. */
function serviceHint(name: string, value: Tree, services: MapTree): string | undefined {
  const known = new Set<string>(SERVICE_KEYS);
  if (known.has(name)) return `"${name}" belongs to a service: indent it further, below the service's name`;
  const [stray] = [...services.entries.keys()].filter((key) => known.has(key));
  if (isNull(value) && stray !== undefined) return `indent "${stray}" and what belongs to "${name}" by two more spaces`;
  if (isNull(value)) return 'write "image: NAME" or "build: FOLDER" on a line below it, indented further';
  return value.kind === 'list' ? withoutDashes(value) : undefined;
}

/** Whether this "service" holds only things that no service could. */
function looksLikeResources(tree: Tree): boolean {
  if (tree.kind !== 'map' || tree.entries.size === 0) return false;
  const known = new Set<string>(SERVICE_KEYS);
  return [...tree.entries].every(([key, { value }]) => !known.has(key) && (isNull(value) || value.kind === 'map'));
}

/**
 * Reads the whole of one document: checks every key and value, writes short forms out.
 * @throws {WharfError} `COMPOSE_FILE_INVALID`
 */
export function readModel(tree: MapTree, where: Where): Model {
  const get = <T>(key: string, shape: Shape<T>): T | undefined => {
    const entry = tree.entries.get(key);
    return entry && !isNull(entry.value) ? shape.read(entry.value, below(where, key)) : undefined;
  };
  const extensions: Record<string, Json> = {};
  for (const [key, { at, value }] of tree.entries) {
    if (key.startsWith('x-')) extensions[key] = plain(value) as Json;
    else if (!(TOP_KEYS as readonly string[]).includes(key)) throw unknownTop(key, at, value, tree, where);
  }
  const name = get('name', text);
  return {
    ...(name === undefined ? {} : { name }),
    services: get('services', services) ?? {},
    networks: get('networks', named(network)) ?? {},
    volumes: get('volumes', named(volume)) ?? {},
    secrets: get('secrets', named(file)) ?? {},
    configs: get('configs', named(file)) ?? {},
    models: get('models', mapOf<Json>(anything)) ?? {},
    extensions,
  };
}

/** An unknown top-level key; a file in the layout of Compose 1 gets told so. */
function unknownTop(key: string, at: Tree['at'], value: Tree, tree: MapTree, where: Where): Error {
  const isService = value.kind === 'map' && (value.entries.has('image') || value.entries.has('build'));
  if (!tree.entries.has('services') && isService && nearest(key, TOP_KEYS) === undefined) {
    return composeFileInvalid(
      {
        message: `additional properties '${key}' not allowed: this file is in the layout of Compose version 1, without "services:"`,
      },
      { at, hint: 'put a line "services:" at the top and indent everything below it by two spaces' },
    );
  }
  const empty = tree.entries.get('services');
  if (isService && empty && isNull(empty.value)) {
    return composeFileInvalid(
      { message: `additional properties '${key}' not allowed: "services:" is empty, and "${key}" stands beside it` },
      { at, hint: `indent "${key}:" and what is below it by two spaces` },
    );
  }
  if ((SERVICE_KEYS as readonly string[]).includes(key)) {
    return composeFileInvalid(
      { message: `additional properties '${key}' not allowed at the top: "${key}" belongs to a service` },
      { at, hint: `indent it below the service's name` },
    );
  }
  return unknownKey(key, at, where, TOP_KEYS);
}
