import type { EndpointSettings } from '../../core/wire/network.ts';
import { csvFields } from './csv.ts';

export interface NetworkFlags {
  readonly network: readonly string[];
  readonly networkAlias: readonly string[];
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly link: readonly string[];
  readonly linkLocalIp: readonly string[];
  readonly macAddress: string | undefined;
}

/**
 * The network mode and the endpoints of `--network` and what belongs to it. Addresses, aliases and links given by flags of
 * their own are for the first network.
 * @throws {Error} in docker's words
 */
export function networksOf(flags: NetworkFlags): {
  readonly mode: string;
  readonly endpoints: Record<string, EndpointSettings>;
} {
  const wanted = flags.network.map(networkOption);
  const first = wanted[0] ?? { target: 'default', endpoint: {} };
  const mode = first.target;
  if (mode === '') throw new Error('no name set for network');
  const userDefined = !/^(default|bridge|host|none|container:.*)$/.test(mode);
  const endpoint = first.endpoint;
  if (flags.networkAlias.length > 0) endpoint.Aliases = [...(endpoint.Aliases ?? []), ...flags.networkAlias];
  if (flags.ip !== undefined || flags.ip6 !== undefined || flags.linkLocalIp.length > 0) {
    endpoint.IPAMConfig = {
      ...endpoint.IPAMConfig,
      ...(flags.ip === undefined ? {} : { IPv4Address: flags.ip }),
      ...(flags.ip6 === undefined ? {} : { IPv6Address: flags.ip6 }),
      ...(flags.linkLocalIp.length === 0 ? {} : { LinkLocalIPs: [...flags.linkLocalIp] }),
    };
  }
  if ((endpoint.Aliases?.length ?? 0) > 0 && !userDefined) {
    throw new Error('network-scoped aliases are only supported for user-defined networks');
  }
  const wrong = wanted.find((w) => w.endpoint.MacAddress !== undefined && !isMac(w.endpoint.MacAddress));
  const mac = flags.macAddress ?? wrong?.endpoint.MacAddress;
  if (mac !== undefined && !isMac(mac)) throw new Error(`${mac} is not a valid mac address`);
  if (flags.macAddress !== undefined) endpoint.MacAddress = flags.macAddress;
  if (userDefined && flags.link.length > 0) endpoint.Links = [...flags.link];
  if (wanted.length > 1 && !userDefined && mode !== 'default' && mode !== 'bridge') {
    throw new Error(`conflicting options: cannot attach both user-defined and non-user-defined network-modes`);
  }
  const endpoints: Record<string, EndpointSettings> = {};
  for (const { target, endpoint: settings } of wanted.length === 0 ? [first] : wanted) {
    if (target in endpoints) throw new Error(`network "${target}" is specified multiple times`);
    endpoints[target] = settings;
  }
  if (mode.startsWith('container:')) return { mode, endpoints: {} };
  return { mode, endpoints };
}

function isMac(text: string): boolean {
  return /^([\da-f]{2}([:-])[\da-f]{2}(\2[\da-f]{2}){4,18}|[\da-f]{4}(\.[\da-f]{4}){2,9})$/i.test(text.trim());
}

/** A name, or `name=N,alias=a,ip=...`. */
export function networkOption(text: string): { target: string; endpoint: EndpointSettings } {
  if (!text.includes('=')) return { target: text, endpoint: {} };
  const endpoint: EndpointSettings = {};
  let target = '';
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    const key = field.slice(0, Math.max(0, equals)).trim().toLowerCase();
    const value = field.slice(equals + 1).trim();
    if (equals < 1) throw new Error(`invalid field ${field}`);
    switch (key) {
      case 'name':
        target = value;
        break;
      case 'alias':
        endpoint.Aliases = [...(endpoint.Aliases ?? []), value];
        break;
      case 'ip':
        endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv4Address: value };
        break;
      case 'ip6':
        endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv6Address: value };
        break;
      case 'link-local-ip':
        endpoint.IPAMConfig = {
          ...endpoint.IPAMConfig,
          LinkLocalIPs: [...(endpoint.IPAMConfig?.LinkLocalIPs ?? []), value],
        };
        break;
      case 'mac-address':
        endpoint.MacAddress = value;
        break;
      case 'driver-opt': {
        const at = value.indexOf('=');
        if (at < 1) throw new Error('invalid key value pair format in driver options');
        endpoint.DriverOpts = { ...endpoint.DriverOpts, [value.slice(0, at)]: value.slice(at + 1) };
        break;
      }
      case 'gw-priority':
        if (!/^-?\d+$/.test(value)) throw new Error(`invalid gw-priority (${value}): invalid syntax`);
        endpoint.GwPriority = Number(value);
        break;
      default:
        throw new Error(`invalid field key ${key}`);
    }
  }
  if (target === '') throw new Error('network name/id is not specified');
  return { target, endpoint };
}
