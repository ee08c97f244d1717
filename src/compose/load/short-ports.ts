import { isIP } from './ip-address.ts';
import type { Port } from '../model/service.ts';

/** A port specification that cannot be read; the message is docker compose's. */
export class PortError extends Error {
  override readonly name = 'PortError';
}

const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/**
 * `[HOST_IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]`; a range gives several entries.
 * @throws {PortError}
 */
export function parsePort(text: string): Port[] {
  const slash = text.indexOf('/');
  const protocol = (slash < 0 ? 'tcp' : text.slice(slash + 1)).toLowerCase();
  const body = slash < 0 ? text : text.slice(0, slash);
  if (!PROTOCOLS.includes(protocol)) throw new PortError(`Invalid proto: ${text.slice(slash + 1)}`);
  const { ip, host, container } = splitPort(body);
  if (container === '') throw new PortError(`No port specified: ${text}<empty>`);
  if (ip !== '' && isIP(ip) === 0) throw new PortError(`Invalid ip address: ${ip}`);
  const target = range(container);
  if (!target) throw new PortError(`Invalid containerPort: ${container}`);
  const published = host === '' ? undefined : range(host);
  if (host !== '' && !published) throw new PortError(`Invalid hostPort: ${host}`);
  const targets = target[1] - target[0];
  const common = { mode: 'ingress', ...(ip === '' ? {} : { host_ip: ip }) };
  if (published && published[1] - published[0] !== targets) {
    if (targets !== 0)
      throw new PortError(`Invalid ranges specified for container and host Ports: ${container} and ${host}`);
    return [{ ...common, target: target[0], published: host, protocol }];
  }
  return Array.from({ length: targets + 1 }, (_, i) => ({
    ...common,
    target: target[0] + i,
    ...(published ? { published: String(published[0] + i) } : {}),
    protocol,
  }));
}

/** `80`, `80-82`: first and last; `undefined` if it is no port. */
export function range(text: string): [number, number] | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first > 65_535 || last > 65_535 || last < first ? undefined : [first, last];
}

function splitPort(body: string): { ip: string; host: string; container: string } {
  if (body.startsWith('[')) {
    const close = body.indexOf(']:');
    if (close < 0) throw new PortError(`Invalid ip address: ${body}`);
    const rest = body.slice(close + 2).split(':');
    return { ip: body.slice(1, close), host: rest.length > 1 ? (rest[0] ?? '') : '', container: rest.at(-1) ?? '' };
  }
  const parts = body.split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  return { ip: parts.join(':'), host, container };
}
