import { invalidParameter } from '../core/errors.ts';
import { findAddress } from './addresses.ts';
import type { BridgeNetwork, Family } from './contract.ts';

/** What the names of Docker's options begin with. */
export const OPTION = 'com.docker.network.';
/** What the kernel takes as a name of a device (dev_valid_name), less what shells and nft would stumble over. */
export const DEVICE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;

/** What the options say of a bridge. @throws {WharfError} `INVALID_PARAMETER` */
export function bridgeOptions(options: Readonly<Record<string, string>>, internal: boolean) {
  return {
    masquerade: flag(options, 'bridge.enable_ip_masquerade', true),
    icc: flag(options, 'bridge.enable_icc', true),
    mtu: mtuOption(options),
    hostBinding: hostBinding(options),
    ...gatewayModes(options, internal),
    ...fromOptions(options),
  };
}

function flag(options: Readonly<Record<string, string>>, key: string, otherwise: boolean): boolean {
  const text = options[OPTION + key];
  if (text === undefined || text === '') return otherwise;
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalidParameter({ message: `invalid value for ${OPTION}${key}: "${text}" is neither true nor false` });
}

export function mtuOption(options: Readonly<Record<string, string>>): number {
  const text = options[`${OPTION}driver.mtu`];
  if (text === undefined || text === '' || text === '0') return 1500;
  const value = /^\d+$/.test(text) ? Number(text) : -1;
  if (value < 68 || value > 65535) {
    throw invalidParameter({ message: `invalid value for ${OPTION}driver.mtu: "${text}" is no size from 68 to 65535` });
  }
  return value;
}

function hostBinding(options: Readonly<Record<string, string>>): string {
  const text = options[`${OPTION}bridge.host_binding_ipv4`] || '0.0.0.0';
  if (findAddress(text)?.family !== 4) {
    throw invalidParameter({
      message: `invalid value for ${OPTION}bridge.host_binding_ipv4: "${text}" is no IPv4 address`,
    });
  }
  return text;
}

function refuse(key: string, value: string, why: string) {
  return invalidParameter({ message: `invalid value for ${OPTION}${key}: "${value}" ${why}` });
}

/** How the world and a network's containers reach each other, by family. @throws {WharfError} `INVALID_PARAMETER` */
function gatewayModes(
  options: Readonly<Record<string, string>>,
  internal: boolean,
): Pick<BridgeNetwork, 'unprotected' | 'routed' | 'hostless'> {
  let unprotected = false;
  const routed: Family[] = [];
  const hostless: Family[] = [];
  for (const family of [4, 6] as const) {
    const key = `bridge.gateway_mode_ipv${family}`;
    const mode = options[OPTION + key] ?? '';
    if (!['', 'nat', 'nat-unprotected', 'routed', 'isolated'].includes(mode)) {
      throw refuse(key, mode, 'is no gateway mode (nat, nat-unprotected, routed, isolated)');
    }
    if (mode === 'isolated' && !internal) throw refuse(key, mode, 'can only be used for an internal network');
    if (mode === 'isolated') hostless.push(family);
    // Nothing comes into an internal network, however it is addressed.
    if (internal) continue;
    if (mode === 'routed') routed.push(family);
    unprotected ||= mode === 'nat-unprotected';
  }
  if (flag(options, 'bridge.inhibit_ipv4', false) && !hostless.includes(4)) hostless.push(4);
  return {
    ...(unprotected ? { unprotected } : {}),
    ...(routed.length > 0 ? { routed } : {}),
    ...(hostless.length > 0 ? { hostless } : {}),
  };
}

/** What only a few networks have. @throws {WharfError} `INVALID_PARAMETER` */
function fromOptions(options: Readonly<Record<string, string>>): Partial<BridgeNetwork> {
  const trusted = (options[`${OPTION}bridge.trusted_host_interfaces`] ?? '').split(':').filter(Boolean);
  const prefix = options[`${OPTION}container_iface_prefix`] ?? '';
  for (const [key, name] of [
    ...trusted.map((name) => ['bridge.trusted_host_interfaces', name] as const),
    ...(prefix === '' ? [] : [['container_iface_prefix', prefix] as const]),
  ]) {
    if (!DEVICE_NAME.test(name)) throw refuse(key, name, 'is no name of an interface');
  }
  const sources: string[] = [];
  for (const family of [4, 6]) {
    const address = options[`${OPTION}host_ipv${family}`] ?? '';
    if (address === '') continue;
    if (findAddress(address)?.family !== family)
      throw refuse(`host_ipv${family}`, address, `is no IPv${family} address`);
    sources.push(address);
  }
  return {
    ...(trusted.length > 0 ? { trustedInterfaces: trusted } : {}),
    ...(sources.length > 0 ? { sourceAddresses: sources } : {}),
    ...(prefix === '' ? {} : { interfacePrefix: prefix }),
  };
}
