import { readFileSync } from 'node:fs';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { badConfigFile } from './errors.ts';
import { SOURCES } from './setting-sources.ts';

/** What a configuration file says: values by key of `SOURCES`, and keys of dockerd's that mean nothing here. */
export interface ConfigFile {
  readonly values: Readonly<Record<string, unknown>>;
  readonly ignored: readonly string[];
}

/**
 * Reads the configuration file. One that nobody named may be missing.
 * @throws {WharfError} `BAD_CONFIG_FILE`
 */
export function readConfigFile(path: string, mustExist: boolean): ConfigFile {
  const text = read(path, mustExist);
  if (text === undefined || text.trim() === '') return { values: {}, ignored: [] };
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (e) {
    throw badConfigFile({ file: path, reason: `it is not JSON: ${messageOf(e)}` }, { cause: e });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw badConfigFile({ file: path, reason: 'a JSON object is expected' });
  return checked(path, content);
}

function read(path: string, mustExist: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    if (!mustExist && errnoOf(e) === 'ENOENT') return undefined;
    throw badConfigFile({ file: path, reason: messageOf(e) }, { cause: e });
  }
}

function checked(path: string, content: object): ConfigFile {
  const result: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(content)) {
    if (name === 'debug' && typeof value === 'boolean') {
      if (value) result['log-level'] ??= 'debug';
      continue;
    }
    if (FOR_DOCKER_ONLY.has(name)) {
      ignored.push(name);
      continue;
    }
    const source = SOURCES.find((s) => s.key === name || s.flag === name);
    if (source === undefined) {
      const hint = didYouMean(
        name,
        SOURCES.map((s) => s.key),
      );
      throw badConfigFile({
        file: path,
        reason: `the following directives don't match any configuration option: ${name}${hint}`,
      });
    }
    const fits =
      source.convert !== undefined ||
      (source.kind === 'text' && typeof value === 'string') ||
      (source.kind === 'flag' && typeof value === 'boolean') ||
      (source.kind === 'texts' && Array.isArray(value) && value.every((v) => typeof v === 'string'));
    if (!fits)
      throw badConfigFile({
        file: path,
        reason: `"${name}" must be ${EXPECTED[source.kind]}, not ${JSON.stringify(value)}`,
      });
    result[source.key] = value;
  }
  return { values: result, ignored };
}

/** Keys of dockerd's file about what is done otherwise here or not at all; a file made for it can be used as it is. */
const FOR_DOCKER_ONLY = new Set(
  `allow-nondistributable-artifacts api-cors-header authorization-plugins bridge builder cdi-spec-dirs cgroup-parent
  containerd containerd-namespace containerd-plugin-namespace data-root-migration default-gateway default-gateway-v6
  default-network-opts default-runtime-opts exec-opts experimental features fixed-cidr fixed-cidr-v6 firewall-backend
  host-gateway-ip host-gateway-ips http-proxy https-proxy icc ip ip-forward ip-forward-no-drop ip-masq ip6tables iptables
  ipv6 max-concurrent-downloads max-concurrent-uploads max-download-attempts metrics-addr mtu no-proxy node-generic-resources
  oom-score-adjust proxies raw-logs rootless seccomp-profile selinux-enabled storage-driver storage-opts swarm-default-advertise-addr
  userland-proxy userland-proxy-path validate bip6 allow-direct-routing`
    .trim()
    .split(/\s+/),
);

const EXPECTED = { text: 'a text', flag: 'true or false', texts: 'a list of texts' } as const;
