import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { DefaultBridge } from '../../engine/index.ts';
import { badOption } from './errors.ts';
import { type SettingSource, wholeNumber } from './setting-source.ts';

/** What can be set about networks, the default bridge first of all. */
export interface NetworkSettings {
  /** CIDR with the gateway's address. */
  readonly bip: string | undefined;
  readonly bip6: string | undefined;
  readonly fixedCidr: string | undefined;
  readonly fixedCidrV6: string | undefined;
  readonly defaultGateway: string | undefined;
  readonly defaultGatewayV6: string | undefined;
  readonly ipv6: boolean;
  readonly icc: boolean;
  readonly ipMasq: boolean;
  readonly iptables: boolean;
  readonly ip6tables: boolean;
  readonly mtu: number | undefined;
  /** Address of the host that ports are published at. */
  readonly ip: string | undefined;
  readonly hostGatewayIps: readonly string[];
  /** By driver. */
  readonly defaultNetworkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const NETWORK_DEFAULTS: NetworkSettings = {
  bip: undefined,
  bip6: undefined,
  fixedCidr: undefined,
  fixedCidrV6: undefined,
  defaultGateway: undefined,
  defaultGatewayV6: undefined,
  ipv6: false,
  icc: true,
  ipMasq: true,
  iptables: true,
  ip6tables: true,
  mtu: undefined,
  ip: undefined,
  hostGatewayIps: [],
  defaultNetworkOptions: {},
};

/** The default bridge as the settings have it. */
export function defaultBridgeOf(settings: NetworkSettings): DefaultBridge {
  return {
    address: settings.bip,
    address6: settings.bip6,
    range: settings.fixedCidr,
    range6: settings.fixedCidrV6,
    gateway: settings.defaultGateway,
    gateway6: settings.defaultGatewayV6,
    enableIpv6: settings.ipv6,
    icc: settings.icc,
    masquerade: settings.ipMasq,
    mtu: settings.mtu,
    hostBinding: settings.ip,
  };
}

export const NETWORK_SOURCES: readonly SettingSource<keyof NetworkSettings>[] = [
  block('bip', 'bip', 4, "the default bridge's address and subnet"),
  block('bip6', 'bip6', 6, "the default bridge's IPv6 address and subnet"),
  block('fixedCidr', 'fixed-cidr', 4, 'part of that subnet which containers get their addresses from'),
  block('fixedCidrV6', 'fixed-cidr-v6', 6, 'IPv6 subnet of the default bridge'),
  address('defaultGateway', 'default-gateway', 4, "containers' way out of the default bridge"),
  address('defaultGatewayV6', 'default-gateway-v6', 6, "containers' way out of the default bridge by IPv6"),
  { setting: 'ipv6', flag: 'ipv6', key: 'ipv6', kind: 'flag', help: 'IPv6 on the default bridge' },
  {
    setting: 'icc',
    flag: 'icc',
    key: 'icc',
    kind: 'flag',
    help: 'containers on the default bridge reach each other (default: true); with --icc=false only ports of links',
  },
  {
    setting: 'ipMasq',
    flag: 'ip-masq',
    key: 'ip-masq',
    kind: 'flag',
    help: "containers on the default bridge go out with the host's address (default: true)",
  },
  {
    setting: 'iptables',
    flag: 'iptables',
    key: 'iptables',
    kind: 'flag',
    help: "rules in the host's IPv4 firewall (default: true); without them ports are relayed and containers do not get out by themselves",
  },
  {
    setting: 'ip6tables',
    flag: 'ip6tables',
    key: 'ip6tables',
    kind: 'flag',
    help: 'the same for IPv6 (default: true)',
  },
  {
    setting: 'mtu',
    flag: 'mtu',
    key: 'mtu',
    kind: 'text',
    argument: 'bytes',
    help: 'largest packet on the default bridge (default: 1500)',
    convert: wholeNumber('mtu'),
  },
  address('ip', 'ip', 4, "the host's address that ports of the default bridge are published at (default: 0.0.0.0)"),
  {
    setting: 'hostGatewayIps',
    flag: 'host-gateway-ip',
    key: 'host-gateway-ips',
    kind: 'texts',
    argument: 'address',
    help: 'what host-gateway stands for in --add-host (default: addresses of the default bridge)',
    convert: hostGateways,
  },
  {
    setting: 'defaultNetworkOptions',
    flag: 'default-network-opt',
    key: 'default-network-opts',
    kind: 'texts',
    argument: 'driver=name=value',
    help: 'option of new networks of a driver',
    convert: networkOptions,
  },
];

type TextSetting = 'bip' | 'bip6' | 'fixedCidr' | 'fixedCidrV6' | 'defaultGateway' | 'defaultGatewayV6' | 'ip';

function block(setting: TextSetting, name: string, family: 4 | 6, help: string): SettingSource<TextSetting> {
  const isBlock = (value: unknown) => {
    const [at = '', bits = '', ...rest] = typeof value === 'string' ? value.split('/') : [];
    const most = family === 4 ? 30 : 126;
    return isIP(at) === family && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
  };
  const convert = (value: unknown) => {
    if (value === '' || isBlock(value)) return value || undefined;
    const example = family === 4 ? '172.17.0.1/16' : 'fd00:17::1/64';
    throw badOption({ message: `invalid ${name} ${JSON.stringify(value)}: a CIDR such as ${example} is expected` });
  };
  return { setting, flag: name, key: name, kind: 'text', argument: 'CIDR', help, convert };
}

function address(setting: TextSetting, name: string, family: 4 | 6, help: string): SettingSource<TextSetting> {
  const convert = (value: unknown) => {
    if (value === '') return undefined;
    if (typeof value === 'string' && (family === 4 ? isIPv4(value) : isIPv6(value))) return value;
    throw badOption({ message: `invalid ${name} ${JSON.stringify(value)}: an IPv${family} address is expected` });
  };
  return { setting, flag: name, key: name, kind: 'text', argument: 'address', help, convert };
}

function hostGateways(value: unknown): string[] {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  const wrong = all.find((item) => typeof item !== 'string' || isIP(item) === 0);
  if (wrong !== undefined)
    throw badOption({ message: `invalid host-gateway-ip ${JSON.stringify(wrong)}: an IP address is expected` });
  return all.map(String);
}

/** `bridge=com.docker.network.driver.mtu=1450` each, or Docker's form of the file: `{"bridge": {"…": "1450"}}`. */
function networkOptions(value: unknown): Record<string, Record<string, string>> {
  const refuse = () =>
    badOption({ message: `invalid default-network-opt ${JSON.stringify(value)}: driver=name=value is expected` });
  const result: Record<string, Record<string, string>> = {};
  const put = (driver: string, name: string, text: unknown) => {
    if (driver === '' || name === '' || typeof text !== 'string') throw refuse();
    (result[driver] ??= {})[name] = text;
  };
  if (Array.isArray(value)) {
    for (const item of value) {
      const match = /^([^=]+)=([^=]+)=(.*)$/s.exec(String(item));
      if (match === null) throw refuse();
      put(match[1] ?? '', match[2] ?? '', match[3]);
    }
    return result;
  }
  for (const [driver, options] of Object.entries(Object(value))) {
    for (const [name, text] of Object.entries(Object(options))) put(driver, name, text);
  }
  return result;
}
