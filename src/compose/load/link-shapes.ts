import type { Dependency, EnvFile, FileReference, NetworkAttachment } from '../model/service.ts';
import { isNull } from './tree.ts';
import type { Shape } from './shape.ts';
import {
  below,
  boolean,
  integer,
  invalidAt,
  labels,
  list,
  object,
  oneOf,
  oneOrMany,
  string,
  text,
  wrong,
} from './shape.ts';
import { path } from './host-path.ts';

export const dependsOn: Shape<Record<string, Dependency>> = {
  read(tree, where) {
    if (tree.kind === 'list') {
      return Object.fromEntries(
        tree.items.map((item, i) => {
          const at = { ...where, path: `${where.path}[${i}]` };
          if (item.kind === 'map')
            throw wrong(
              item,
              at,
              'the name of a service',
              'with conditions below the names, write them without the dashes',
            );
          const name = string.read(item, at);
          where.note(`${where.path}.${name}`, item.at);
          return [name, { condition: 'service_started', required: true } satisfies Dependency];
        }),
      );
    }
    if (tree.kind !== 'map')
      throw wrong(
        tree,
        where,
        'a list of services, or a map of them',
        tree.kind === 'scalar' ? `write "- ${tree.source}" on a line of its own below it` : undefined,
      );
    const found: Record<string, Dependency> = {};
    for (const [name, { at, value }] of tree.entries) {
      where.note(`${where.path}.${name}`, at);
      const inner = below(where, name);
      found[name] = isNull(value)
        ? { condition: 'service_started', required: true }
        : { required: true, ...dependency.read(value, inner) };
    }
    return found;
  },
};
const dependency = object<Omit<Dependency, 'required'> & { required?: boolean }>(
  {
    condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully'),
    restart: boolean,
    required: boolean,
  },
  ['condition'],
);

const attachment = object<NetworkAttachment>({
  aliases: list(string),
  driver_opts: labels,
  gw_priority: integer,
  interface_name: string,
  ipv4_address: string,
  ipv6_address: string,
  link_local_ips: list(string),
  mac_address: string,
  priority: integer,
});
export const networks: Shape<Record<string, NetworkAttachment | null>> = {
  read(tree, where) {
    if (tree.kind === 'list') {
      return Object.fromEntries(
        tree.items.map((item, i) => {
          const at = { ...where, path: `${where.path}[${i}]` };
          if (item.kind === 'map')
            throw wrong(
              item,
              at,
              'the name of a network',
              'with settings below the names, write them without the dashes',
            );
          const name = string.read(item, at);
          where.note(`${where.path}.${name}`, item.at);
          return [name, null];
        }),
      );
    }
    if (tree.kind !== 'map')
      throw wrong(
        tree,
        where,
        'a list of networks, or a map of them',
        tree.kind === 'scalar' ? `write "- ${tree.source}" on a line of its own below it` : undefined,
      );
    const found: Record<string, NetworkAttachment | null> = {};
    for (const [name, { at, value }] of tree.entries) {
      where.note(`${where.path}.${name}`, at);
      found[name] = isNull(value) ? null : attachment.read(value, below(where, name));
    }
    return found;
  },
};

export const envFile: Shape<EnvFile> = {
  read(tree, where) {
    const noted = (file: EnvFile): EnvFile => {
      where.note(`${where.path.replace(/\[\d+\]$/, '')}:${file.path}`, tree.at);
      return file;
    };
    if (tree.kind === 'scalar') return noted({ path: path.read(tree, where), required: true });
    const long = longEnvFile.read(tree, where);
    return noted({ required: true, ...long });
  },
};
const longEnvFile = object<Omit<EnvFile, 'required'> & { required?: boolean }>(
  { path, required: boolean, format: oneOf('raw') },
  ['path'],
);

export function fileReference(target: (source: string) => string | undefined): Shape<FileReference> {
  return {
    read(tree, where) {
      const list = where.path.replace(/\[\d+\]$/, '');
      if (tree.kind === 'scalar') {
        const source = string.read(tree, where);
        where.note(`${list}:${source}`, tree.at);
        const at = target(source);
        return at === undefined ? { source } : { source, target: at };
      }
      const long = longReference.read(tree, where);
      where.note(`${list}:${long.source}`, tree.at);
      const at = long.target ?? target(long.source);
      return at === undefined ? long : { ...long, target: at };
    },
  };
}
const longReference = object<FileReference>({ source: string, target: string, uid: text, gid: text, mode: integer }, [
  'source',
]);

export const extraHosts: Shape<string[]> = {
  read(tree, where) {
    const entry = (host: string, ip: string): string => `${host.trim()}=${ip.trim().replace(/^\[(.*)\]$/, '$1')}`;
    if (tree.kind === 'map') {
      return [...tree.entries].flatMap(([host, { value }]) =>
        oneOrMany(string)
          .read(value, below(where, host))
          .map((ip) => entry(host, ip)),
      );
    }
    return list(string)
      .read(tree, where)
      .map((pair, i) => {
        const match = /^([^=:]+)[=:](.+)$/.exec(pair);
        if (!match)
          throw invalidAt(
            (tree.kind === 'list' && tree.items[i]) || tree,
            `${where.path}[${i}]: bad host name "${pair}"; expected HOST=IP`,
          );
        return entry(match[1] ?? '', match[2] ?? '');
      });
  },
};
