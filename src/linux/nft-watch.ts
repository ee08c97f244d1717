import { attributesOf, NetlinkSocket, textOf } from './netlink.ts';
import { watchNetlink } from './netlink-stream.ts';
import { ownFirewallProcess } from './nftables.ts';

const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
/** The table's name is the first attribute of tables, chains, rules, sets and elements alike. */
const NFTA_TABLE = 1;
const NFTA_GEN = { pid: 2, name: 3 } as const;
const FAMILY_HEADER_BYTES = 4;

/** One transaction in the firewall of this network namespace. */
export interface FirewallChange {
  readonly pid: number;
  /** Name of the program. */
  readonly program: string;
  /** Names of the tables in which something was added or deleted. */
  readonly tables: ReadonlySet<string>;
}

/**
 * Tells of each transaction in the firewall of this thread's namespace, once it is done; does not keep the process alive.
 * What this process does is known for ours from then on (`isOwnFirewallProcess`). `onLost`: more happened at once than the kernel kept for us; nothing more will be told.
 * @throws {SystemCallError}
 */
export function watchFirewall(onChange: (change: FirewallChange) => void, onLost: (why: string) => void): Disposable {
  let tables = new Set<string>();
  const take = (type: number, body: Buffer) => {
    if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return;
    const attributes = attributesOf(body.subarray(FAMILY_HEADER_BYTES));
    if ((type & 255) !== NFT_MSG_NEWGEN) {
      tables.add(textOf(attributes.get(NFTA_TABLE)) ?? '');
      return;
    }
    const change = {
      pid: pidOf(attributes),
      program: textOf(attributes.get(NFTA_GEN.name)) ?? '',
      tables,
    };
    tables = new Set();
    onChange(change);
  };
  ownFirewallProcess(toldPid());
  return watchNetlink(NETLINK_NETFILTER, NFNLGRP_NFTABLES, take, onLost);
}

/** What the firewall takes this process for: it tells PIDs of the host, also to who is in a PID namespace (a container). */
function toldPid(): number {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  const asked = socket.get(
    (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
    Buffer.alloc(FAMILY_HEADER_BYTES),
    'the firewall',
  );
  return pidOf(attributesOf(asked.subarray(FAMILY_HEADER_BYTES)));
}

function pidOf(attributes: ReadonlyMap<number, Buffer>): number {
  return attributes.get(NFTA_GEN.pid)?.readUInt32BE(0) ?? 0;
}
