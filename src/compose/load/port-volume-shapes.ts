import type { Port, ServiceVolume } from '../model/service.ts';
import { parsePort, PortError, range } from './short-ports.ts';
import { isIP } from './ip-address.ts';
import { cleanTarget, parseVolume, resolveHostPath } from './short-volumes.ts';
import type { Shape } from './shape.ts';
import { boolean, bytes, integer, invalidAt, labels, list, object, oneOf, string, text, wrong } from './shape.ts';
import { guarded } from './host-path.ts';

const port: Shape<Port[]> = {
  read(tree, where) {
    if (tree.kind === 'map') {
      const one = longPort.read(tree, where);
      if (one.host_ip !== undefined && isIP(one.host_ip) === 0)
        throw invalidAt(tree, `${where.path}.host_ip: Invalid ip address: ${one.host_ip}`);
      return [{ ...one, mode: one.mode ?? 'ingress', protocol: one.protocol ?? 'tcp' }];
    }
    const spec = text.read(tree, where);
    try {
      return parsePort(spec);
    } catch (e) {
      if (!(e instanceof PortError)) throw e;
      throw invalidAt(
        tree,
        `${where.path}: ${e.message}`,
        'expected [HOST_IP:][HOST_PORT:]CONTAINER_PORT[/tcp|udp|sctp], such as "8080:80"',
      );
    }
  },
};
const publishedPort: Shape<string> = {
  read(tree, where) {
    const written = text.read(tree, where);
    if (written !== '' && !range(written)) throw invalidAt(tree, `${where.path}: Invalid hostPort: ${written}`);
    return written;
  },
};
const targetPort: Shape<number> = {
  read(tree, where) {
    const value = integer.read(tree, where);
    if (value < 1 || value > 65_535) throw invalidAt(tree, `${where.path}: Invalid containerPort: ${value}`);
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
    if (tree.kind !== 'list')
      throw wrong(tree, where, 'a list', tree.kind === 'scalar' ? `write "- ${tree.source}" below it` : undefined);
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
