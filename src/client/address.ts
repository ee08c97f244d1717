import { invalidHost } from './errors.ts';

/** Where an engine listens. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number };

/**
 * Reads `unix:///path`, `tcp://host[:port]`, `http(s)://host[:port]`. The port defaults to 2375, with TLS 2376.
 * @throws {WharfError} `INVALID_HOST`; also for `ssh://`, which is not spoken yet
 */
export function parseAddress(host: string, tls: boolean): Address {
  const at = host.indexOf('://');
  if (at < 0) throw invalidHost({ host }, { hint: 'write unix:///path/to.sock or tcp://host:port' });
  const scheme = host.slice(0, at);
  const rest = host.slice(at + 3);
  switch (scheme) {
    case 'unix':
      if (rest !== '' && !rest.startsWith('/')) {
        throw invalidHost({
          host,
          why: `unable to parse docker host \`${host}\`: the path of a socket must be absolute`,
        });
      }
      return { kind: 'unix', path: rest === '' ? '/var/run/docker.sock' : rest };
    case 'tcp':
    case 'http':
    case 'https': {
      let url: URL;
      try {
        url = new URL(`http://${rest}`);
      } catch (cause) {
        throw invalidHost({ host }, { cause });
      }
      const port = url.port === '' ? (/:80\/?$/.test(rest) ? 80 : tls ? 2376 : 2375) : Number(url.port);
      return { kind: 'tcp', hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'), port };
    }
    case 'ssh':
      throw invalidHost(
        { host, why: `ssh hosts are not supported yet: ${host}` },
        {
          hint: 'forward the socket: ssh -NL /tmp/engine.sock:/run/wharf/wharf.sock HOST, then -H unix:///tmp/engine.sock',
        },
      );
    default:
      throw invalidHost({ host });
  }
}
