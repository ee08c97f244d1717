import type { Port, ServiceVolume } from '../model/service.ts';
import { parsePort, PortError, range } from './short-ports.ts';
import { isIP } from './ip-address.ts';
import { cleanTarget, parseVolume, resolveHostPath } from './short-volumes.ts';
import type { Shape } from './shape.ts';
import type { Tree } from './tree.ts';
import { boolean, bytes, integer, invalidAt, labels, list, object, oneOf, string, text, wrong } from './shape.ts';
import { guarded } from './host-path.ts';

const port: Shape<Port[]> = {
  read(tree, where) {
    if (tree.kind === 'map') {
      const [split] = tree.entries;
      // `- 8080: 80`: with a space, YAML reads a map.
      if (tree.entries.size === 1 && split && /^[\d.:-]+$/.test(split[0]))
        throw wrong(tree, where, 'a port', asOnePort(split));
      const one = longPort.read(tree, where);
      if (one.host_ip !== undefined && isIP(one.host_ip) === 0)
        throw invalidAt(tree, `${where.path}.host_ip: Invalid ip address: ${one.host_ip}`);
      return [{ ...one, mode: one.mode ?? 'ingress', protocol: one.protocol ?? 'tcp' }];
    }
    const spec = text.read(tree, where);
    // A number in base 60 to readers of YAML 1.1.
    if (tree.kind === 'scalar' && !tree.quoted && /^\d+:[0-5]?\d$/.test(spec))
      where.note(`${where.path.replace(/\[\d+\]$/, '')}:unquoted`, tree.at);
    try {
      return parsePort(spec);
    } catch (e) {
      if (!(e instanceof PortError)) throw e;
      throw invalidAt(tree, `${where.path}: ${e.message}`, portHint(spec, e.message));
    }
  },
};

function asOnePort([key, { value }]: readonly [string, { readonly value: Tree }]): string {
  return `write "${key}:${value.kind === 'scalar' ? value.source : ''}" in quotes, without a space`;
}

function portHint(spec: string, problem: string): string {
  const name = /^([A-Za-z][\w.-]*):.*\d$/.exec(spec)?.[1];
  if (problem.includes('Invalid ip address') && name !== undefined)
    return name === 'localhost'
      ? `write the address: "${spec.replace('localhost', '127.0.0.1')}"`
      : 'the address of an interface of this host is meant, not a name';
  if (/Invalid (hostPort|containerPort): [\d-]+$/.test(problem) && /\d{5,}/.test(problem))
    return 'a port is a number from 1 to 65535';
  return 'expected [HOST_IP:][HOST_PORT:]CONTAINER_PORT[/tcp|udp|sctp], such as "8080:80"';
}

const publishedPort: Shape<string> = {
  read(tree, where) {
    const written = text.read(tree, where);
    if (written !== '' && !range(written))
      throw invalidAt(tree, `${where.path}: Invalid hostPort: ${written}`, 'a port is a number from 1 to 65535');
    return written;
  },
};
const targetPort: Shape<number> = {
  read(tree, where) {
    const value = integer.read(tree, where);
    if (value < 1 || value > 65_535)
      throw invalidAt(tree, `${where.path}: Invalid containerPort: ${value}`, 'a port is a number from 1 to 65535');
    return value;
  },
};
const longPort = object<Partial<Port> & { target: number }>({
  name: string,
  mode: string,
  host_ip: string,
  target: targetPort,
  published: publishedPort,
  protocol: string,
  app_protocol: string,
});
export const ports: Shape<Port[]> = {
  read(tree, where) {
    if (tree.kind !== 'list') {
      const [split] = tree.kind === 'map' ? tree.entries : [];
      const hint =
        tree.kind === 'scalar' ? `write "- ${tree.source}" below it` : split && `${asOnePort(split)}, after a dash`;
      throw wrong(tree, where, 'a list', hint);
    }
    return tree.items.flatMap((item, i) => {
      const at = { ...where, path: `${where.path}[${i}]` };
      const found = port.read(item, at);
      if (item.kind === 'map' && !item.entries.has('target')) {
        throw invalidAt(
          item,
          `${at.path} needs "target"`,
          'target, published and protocol of one port belong under one "-"',
        );
      }
      return found;
    });
  },
};

const volumeType = oneOf('bind', 'volume', 'tmpfs', 'image', 'npipe', 'cluster');
const longVolume = object<Omit<ServiceVolume, 'target'> & { target: string }>(
  {
    type: volumeType,
    source: string,
    target: string,
    read_only: boolean,
    consistency: string,
    bind: object<NonNullable<ServiceVolume['bind']>>({
      propagation: string,
      create_host_path: boolean,
      recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'),
      selinux: oneOf('z', 'Z'),
    }),
    volume: object<NonNullable<ServiceVolume['volume']>>({ nocopy: boolean, subpath: string, labels }),
    tmpfs: object<NonNullable<ServiceVolume['tmpfs']>>({ size: bytes, mode: integer }),
    image: object<NonNullable<ServiceVolume['image']>>({ subpath: string }),
  },
  ['type', 'target'],
);
const volume: Shape<ServiceVolume> = {
  read(tree, where) {
    return guarded(tree, where, () => {
      if (tree.kind === 'scalar') return parseVolume(text.read(tree, where), where);
      const [split] = tree.kind === 'map' && tree.entries.size === 1 ? tree.entries : [];
      // `- ./a: /a`: with a space, YAML reads a map.
      if (split && /[./~]/.test(split[0]) && split[1].value.kind === 'scalar')
        throw wrong(tree, where, 'a mount', `write "${split[0]}:${split[1].value.source}" without a space`);
      const long = longVolume.read(tree, where);
      const target = cleanTarget(long.target);
      if (long.type === 'bind') {
        if (long.source === undefined)
          throw invalidAt(tree, `${where.path} needs "source": a bind mount is of a path on this host`);
        return {
          ...long,
          target,
          source: resolveHostPath(long.source, where),
        };
      }
      return { ...long, target };
    });
  },
};
export const volumes: Shape<ServiceVolume[]> = {
  read(tree, where) {
    if (tree.kind === 'map') {
      const [[source, { value }] = ['', { value: undefined }]] = tree.entries;
      const hint = value?.kind === 'scalar' ? `write "- ${source}:${value.source}" below it` : undefined;
      throw wrong(tree, where, 'a list', hint);
    }
    const found = list(volume).read(tree, where);
    if (tree.kind === 'list') {
      for (const [i, one] of found.entries()) {
        const item = tree.items[i];
        if (item && one.source !== undefined) where.note(`${where.path}:${one.source}`, item.at);
      }
    }
    return found;
  },
};
