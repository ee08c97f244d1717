import { invalidParameter } from '../core/errors.ts';
import type { BridgeNetwork, DirectLink, NetworkRequest } from './contract.ts';
import { networkNotPossible } from './errors.ts';
import { DEVICE_NAME, mtuOption } from './plan-options.ts';

const MODES = {
  macvlan: ['bridge', 'private', 'vepa', 'passthru'],
  ipvlan: ['l2', 'l3', 'l3s'],
} as const;
const IPVLAN_FLAGS = ['bridge', 'private', 'vepa'];

type Decided = Omit<BridgeNetwork, 'id' | 'name' | 'subnets' | 'internal' | 'isDefault'>;

/**
 * Decides on the parent and the mode of a macvlan or ipvlan network. Without a parent it is one that leads nowhere; `eth0.50`,
 * if there is no such device, is VLAN 50 of eth0.
 * @throws {WharfError} `INVALID_PARAMETER`, `NETWORK_NOT_POSSIBLE`
 */
export function planDirect(
  { id, options }: NetworkRequest,
  driver: 'macvlan' | 'ipvlan',
  others: readonly BridgeNetwork[],
): Decided {
  const mode = options[`${driver}_mode`] || MODES[driver][0];
  if (!(MODES[driver] as readonly string[]).includes(mode)) {
    throw invalidParameter({
      message: `unknown ${driver} mode "${mode}": it is one of ${MODES[driver].join(', ')}`,
    });
  }
  const flag = options['ipvlan_flag'] || 'bridge';
  if (driver === 'ipvlan' && !IPVLAN_FLAGS.includes(flag)) {
    throw invalidParameter({ message: `unknown ipvlan flag "${flag}": it is one of ${IPVLAN_FLAGS.join(', ')}` });
  }
  const asked = options['parent'] ?? '';
  const parent = asked === '' ? `br-${id.slice(0, 12)}` : asked;
  if (parent === 'lo') throw invalidParameter({ message: `loopback interface is not a valid ${driver} parent link` });
  if (!DEVICE_NAME.test(parent)) throw invalidParameter({ message: `"${parent}" is no name of an interface` });
  checkShared(driver, mode, parent, others);
  const direct: DirectLink = {
    driver,
    parent,
    mode,
    ...(driver === 'ipvlan' ? { flag } : {}),
    ...ownParent(asked),
  };
  // Nothing of the firewall and of published ports concerns it.
  const none = { masquerade: false, icc: true, hostBinding: '0.0.0.0' };
  return { bridge: parent, mtu: mtuOption(options), ...none, direct };
}

/** Whether a device of that name is to be made if there is none. */
function ownParent(asked: string): Pick<DirectLink, 'ownParent'> {
  if (asked === '') return { ownParent: 'bridge' };
  const vlan = /^(.+)\.(\d{1,4})$/.exec(asked);
  if (vlan === null) return {};
  const vlanId = Number(vlan[2]);
  if (vlanId < 1 || vlanId > 4094)
    throw invalidParameter({ message: `vlan id must be between 1-4094, received: ${vlanId}` });
  return { ownParent: { vlanOf: vlan[1] ?? '', vlanId } };
}

/** One device can be the parent of several networks, if none of them wants it for itself. */
function checkShared(driver: string, mode: string, parent: string, others: readonly BridgeNetwork[]): void {
  for (const other of others) {
    if (other.direct?.parent !== parent) continue;
    const isAlone = mode === 'passthru' || other.direct.mode === 'passthru';
    if (driver === 'macvlan' && other.direct.driver === 'macvlan' && !isAlone) continue;
    throw networkNotPossible({ message: `network ${other.name} is already using parent interface ${parent}` });
  }
}
