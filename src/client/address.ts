import { invalidHost } from './errors.ts';
import type { SshTarget } from './ssh.ts';

/** Where an engine listens. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number }
  | { readonly kind: 'ssh'; readonly target: SshTarget };

/**
 * Reads `unix:///path`, `tcp://host[:port]`, `http(s)://host[:port]` (the port defaults to 2375, with TLS 2376) and
 * `ssh://[user@]host[:port][/path/of/socket]`.
 * @throws {WharfError} `INVALID_HOST`
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
      return { kind: 'ssh', target: sshTarget(host) };
    default:
      throw invalidHost({ host, why: `invalid bind address format: ${host}` });
  }
}

/** What ssh and a shell will see is checked here: nothing in it may look like an option or end a quoted word. */
function sshTarget(host: string): SshTarget {
  const bad = (why: string) => invalidHost({ host, why: `invalid ssh host \`${host}\`: ${why}` });
  let url: URL;
  try {
    url = new URL(host);
  } catch (cause) {
    throw invalidHost({ host }, { cause });
  }
  if (url.password !== '') throw bad('plain-text password is not supported');
  if (url.search !== '' || url.hash !== '') throw bad('extra query or fragment');
  if (url.hostname === '') throw bad('no host specified');
  const user = decodeURIComponent(url.username);
  const path = decodeURIComponent(url.pathname);
  if (/^-|[\s'"\\$`]/.test(url.hostname) || /^-|[\s'"\\$`]/.test(user)) throw bad('it has characters that no name has');
  if (path !== '' && path !== '/' && !/^[\w./+@%:-]+$/.test(path))
    throw bad('its path has characters that no socket has');
  return {
    user: user === '' ? undefined : user,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? undefined : Number(url.port),
    socket: path === '' || path === '/' ? undefined : path,
  };
}
