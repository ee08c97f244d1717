import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { registryRefused } from './errors.ts';

/** Where people put certificates for a registry; the first directory that is there counts. */
const PLACES = ['/etc/wharf/certs.d', '/etc/docker/certs.d'];

let trusted: readonly string[] | undefined;

/**
 * The authorities that come with Node and those of this system (`SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded), which all
 * connections of the process trust from now on. Reads them once, which takes a tenth of a second.
 */
export function trustedAuthorities(): readonly string[] {
  if (trusted) return trusted;
  trusted = [...new Set([...getCACertificates('bundled'), ...getCACertificates('system')])];
  setDefaultCACertificates(trusted);
  return trusted;
}

export interface Certificates {
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/**
 * What `certs.d/HOST[:PORT]` holds: `*.crt` are authorities beside the usual ones, `*.cert` with `*.key` show who we are.
 * @throws {WharfError} `REGISTRY_REFUSED` if one of a pair is missing
 */
export function certificatesFor(registry: string, places: readonly string[] = PLACES): Certificates {
  const directory = places.map((place) => join(place, registry)).find((path) => existsSync(path));
  if (directory === undefined || registry.includes('..')) return {};
  const files = readdirSync(directory).sort();
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  const authorities = files.filter((name) => name.endsWith('.crt')).map(read);
  const client = files.find((name) => name.endsWith('.cert'));
  const keyOf = (name: string): string => name.replace(/\.cert$/, '.key');
  if (client !== undefined && !files.includes(keyOf(client))) {
    throw registryRefused({ why: `missing key ${keyOf(client)} for client certificate ${client} in ${directory}` });
  }
  const lonely = files.find((name) => name.endsWith('.key') && !files.includes(name.replace(/\.key$/, '.cert')));
  if (lonely !== undefined) {
    throw registryRefused({
      why: `missing client certificate ${lonely.replace(/\.key$/, '.cert')} for key ${lonely} in ${directory}`,
    });
  }
  return {
    ...(authorities.length > 0 && { ca: [...trustedAuthorities(), ...authorities] }),
    ...(client !== undefined && { cert: read(client), key: read(keyOf(client)) }),
  };
}
