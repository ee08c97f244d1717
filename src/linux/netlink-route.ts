import { isIPv6 } from 'node:net';
import { SystemCallError } from './ffi.ts';
import { addressBytes, addressText } from './inet-address.ts';
import {
  NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  attribute,
  attributesOf,
  nested,
  textOf,
} from './netlink.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const IFLA = {
  address: 1,
  ifname: 3,
  mtu: 4,
  link: 5,
  master: 10,
  protinfo: 12,
  linkinfo: 18,
  ifalias: 20,
  netNsFd: 28,
} as const;
/** `flush` forgets the addresses learned at the port. */
const IFLA_BRPORT = { state: 1, mode: 4, flush: 24, isolated: 33 } as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const VLAN_ID = 1;
const MACVLAN_MODE = 1;
const IPVLAN = { mode: 1, flags: 2 } as const;
const IFA = { address: 1, local: 2, broadcast: 4, flags: 8 } as const;
const IFA_F_NODAD = 2;
const RTA = { dst: 1, oif: 4, gateway: 5 } as const;
const IFF_UP = 1;
const AF_INET = 2;
const AF_BRIDGE = 7;
const AF_INET6 = 10;
const RT_TABLE_MAIN = 254;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTPROT_BOOT = 3;

/** A network device as the kernel describes it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `bridge`, `veth`…; `undefined` for hardware and lo. */
  readonly kind: string | undefined;
  readonly mac: string | undefined;
  readonly mtu: number;
  readonly up: boolean;
  /** Index of the bridge it is a port of; 0: none. */
  readonly master: number;
  readonly alias: string | undefined;
}

export interface InterfaceAddress {
  readonly index: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** An entry of the main table; `destination` is `undefined` for a default route. */
export interface Route {
  readonly destination: { readonly address: string; readonly prefixLength: number } | undefined;
  readonly gateway: string | undefined;
  readonly index: number | undefined;
}

export interface LinkSettings {
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
}

/**
 * Devices, addresses and routes of one network namespace: the one that the thread was in at `new`. All synchronous; failures
 * are `SystemCallError`s with the kernel's errno and words.
 * @see rtnetlink(7)
 */
export class RouteSocket implements Disposable {
  readonly #socket = new NetlinkSocket();

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** Makes a bridge and brings it up. @throws {SystemCallError} `EEXIST` */
  createBridge(name: string, settings: LinkSettings): void {
    const info = nested(IFLA.linkinfo, attribute(IFLA_INFO_KIND, 'bridge'));
    this.#createLink(name, [...settingAttributes(settings), info], 0);
  }

  /**
   * Makes a veth pair: this end `name`, up, a port of the bridge with index `master`; the other end, down, in the namespace
   * of `peer.netnsFd`. One step for the kernel: all of it is there afterwards, or nothing.
   * @throws {SystemCallError} `EEXIST`
   */
  createVeth(
    name: string,
    settings: LinkSettings & { readonly master: number },
    peer: LinkSettings & { readonly name: string; readonly netnsFd: number },
  ): void {
    const other = Buffer.concat([
      linkHeader(0, 0, 0),
      attribute(IFLA.ifname, peer.name),
      attribute(IFLA.netNsFd, peer.netnsFd),
      ...settingAttributes(peer),
    ]);
    const info = nested(
      IFLA.linkinfo,
      attribute(IFLA_INFO_KIND, 'veth'),
      nested(IFLA_INFO_DATA, nested(VETH_INFO_PEER, other)),
    );
    this.#createLink(name, [...settingAttributes(settings), attribute(IFLA.master, settings.master), info], IFF_UP);
  }

  /** Makes a device for one VLAN of another device. @throws {SystemCallError} `EEXIST`, `EOPNOTSUPP` */
  createVlan(name: string, parentIndex: number, vlanId: number): void {
    this.#createChild(name, 'vlan', parentIndex, attribute(VLAN_ID, u16(vlanId)));
  }

  /** Makes a device that has its own MAC on another one's wire, in the namespace of `netnsFd`. @throws {SystemCallError} */
  createMacvlan(
    name: string,
    link: { readonly parentIndex: number; readonly netnsFd: number; readonly mac: string; readonly mode: number },
  ): void {
    const own = [attribute(IFLA.netNsFd, link.netnsFd), ...settingAttributes({ mac: link.mac })];
    this.#createChild(name, 'macvlan', link.parentIndex, attribute(MACVLAN_MODE, link.mode), own);
  }

  /** Makes a device that shares another one's MAC, in the namespace of `netnsFd`. @throws {SystemCallError} */
  createIpvlan(
    name: string,
    link: { readonly parentIndex: number; readonly netnsFd: number; readonly mode: number; readonly flags: number },
  ): void {
    const data = Buffer.concat([attribute(IPVLAN.mode, u16(link.mode)), attribute(IPVLAN.flags, u16(link.flags))]);
    this.#createChild(name, 'ipvlan', link.parentIndex, data, [attribute(IFLA.netNsFd, link.netnsFd)]);
  }

  /** Gives a device that is down another name. */
  rename(index: number, name: string): void {
    const body = Buffer.concat([linkHeader(index, 0, 0), attribute(IFLA.ifname, name)]);
    this.#socket.request(RTM_NEWLINK, 0, body, name);
  }

  /** Settings of a bridge's port, at once in force. `forwarding: false` shuts it: nothing goes in or out any more. */
  setBridgePort(
    index: number,
    settings: { readonly hairpin?: boolean; readonly isolated?: boolean; readonly forwarding?: boolean },
  ): void {
    const parts: Buffer[] = [];
    const byte = (type: number, value: number) => parts.push(attribute(type, Buffer.from([value])));
    if (settings.hairpin !== undefined) byte(IFLA_BRPORT.mode, settings.hairpin ? 1 : 0);
    if (settings.isolated !== undefined) byte(IFLA_BRPORT.isolated, settings.isolated ? 1 : 0);
    if (settings.forwarding !== undefined) byte(IFLA_BRPORT.state, settings.forwarding ? 3 : 0);
    if (settings.forwarding === false) parts.push(attribute(IFLA_BRPORT.flush, Buffer.alloc(0)));
    const header = linkHeader(index, 0, 0);
    header[0] = AF_BRIDGE;
    const body = Buffer.concat([header, nested(IFLA.protinfo, ...parts)]);
    this.#socket.request(RTM_SETLINK, 0, body, `bridge port ${index}`);
  }

  /** Makes a device a port of the bridge with index `master`. */
  setMaster(index: number, master: number): void {
    const body = Buffer.concat([linkHeader(index, 0, 0), attribute(IFLA.master, master)]);
    this.#socket.request(RTM_NEWLINK, 0, body, `link ${index}`);
  }

  /** Brings a device up. */
  setUp(index: number): void {
    this.#socket.request(RTM_NEWLINK, 0, linkHeader(index, IFF_UP, IFF_UP), `link ${index}`);
  }

  /** Words that stay with the device (`ip link` shows them), at most 255 bytes. */
  setAlias(index: number, alias: string): void {
    const body = Buffer.concat([linkHeader(index, 0, 0), attribute(IFLA.ifalias, Buffer.from(alias))]);
    this.#socket.request(RTM_NEWLINK, 0, body, `link ${index}`);
  }

  /** Deletes a device, with its other end if it is a veth. Success means "it is not there". Takes milliseconds, off the main thread. */
  async deleteLink(name: string): Promise<void> {
    const body = Buffer.concat([linkHeader(0, 0, 0), attribute(IFLA.ifname, name)]);
    using own = new NetlinkSocket();
    try {
      await own.requestAsync(RTM_DELLINK, 0, body, name);
    } catch (error) {
      if (!(error instanceof SystemCallError && error.code === 'ENODEV')) throw error;
    }
  }

  findLink(name: string): Link | undefined {
    try {
      const body = Buffer.concat([linkHeader(0, 0, 0), attribute(IFLA.ifname, name)]);
      return parseLink(this.#socket.get(RTM_GETLINK, body, name));
    } catch (error) {
      if (error instanceof SystemCallError && error.code === 'ENODEV') return undefined;
      throw error;
    }
  }

  /** @throws {SystemCallError} `ENODEV` */
  getLink(name: string): Link {
    const link = this.findLink(name);
    if (link === undefined) throw new SystemCallError('netlink', 19, name);
    return link;
  }

  links(): Link[] {
    return this.#socket.dump(RTM_GETLINK, linkHeader(0, 0, 0), 'links').map(parseLink);
  }

  /** Success means "the device has this address". */
  addAddress(index: number, address: string, prefixLength: number): void {
    const v6 = isIPv6(address);
    const bytes = addressBytes(address);
    const header = Buffer.alloc(8);
    header[0] = v6 ? AF_INET6 : AF_INET;
    header[1] = prefixLength;
    header.writeUInt32LE(index, 4);
    const parts = [header, attribute(IFA.local, bytes), attribute(IFA.address, bytes)];
    // We hand the addresses out, so nobody else has it: without duplicate detection it can be used at once.
    if (v6) parts.push(attribute(IFA.flags, IFA_F_NODAD));
    else if (prefixLength < 31) parts.push(attribute(IFA.broadcast, broadcastBytes(bytes, prefixLength)));
    this.#socket.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, Buffer.concat(parts), `${address}/${prefixLength}`);
  }

  addresses(): InterfaceAddress[] {
    const found: InterfaceAddress[] = [];
    for (const message of this.#socket.dump(RTM_GETADDR, Buffer.alloc(8), 'addresses')) {
      const attributes = attributesOf(message.subarray(8));
      const bytes = attributes.get(IFA.local) ?? attributes.get(IFA.address);
      if (bytes === undefined) continue;
      found.push({ index: message.readUInt32LE(4), address: addressText(bytes), prefixLength: message[1] ?? 0 });
    }
    return found;
  }

  /**
   * Makes this the default route of its address family, in place of another one.
   * @param gateway `''`: everything is on the wire itself
   */
  setDefaultRoute(gateway: string, index: number, family: 4 | 6): void {
    const header = Buffer.alloc(12);
    header[0] = family === 6 ? AF_INET6 : AF_INET;
    header[4] = RT_TABLE_MAIN;
    header[5] = RTPROT_BOOT;
    header[6] = gateway === '' && family === 4 ? RT_SCOPE_LINK : 0;
    header[7] = RTN_UNICAST;
    const via = gateway === '' ? [] : [attribute(RTA.gateway, addressBytes(gateway))];
    const body = Buffer.concat([header, ...via, attribute(RTA.oif, index)]);
    this.#socket.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, `default via ${gateway || `link ${index}`}`);
  }

  /** Unicast routes of the main table, both families. */
  routes(): Route[] {
    const found: Route[] = [];
    for (const message of this.#socket.dump(RTM_GETROUTE, Buffer.alloc(12), 'routes')) {
      if (message[4] !== RT_TABLE_MAIN || message[7] !== RTN_UNICAST) continue;
      const attributes = attributesOf(message.subarray(12));
      const destination = attributes.get(RTA.dst);
      const gateway = attributes.get(RTA.gateway);
      found.push({
        destination:
          destination === undefined ? undefined : { address: addressText(destination), prefixLength: message[1] ?? 0 },
        gateway: gateway === undefined ? undefined : addressText(gateway),
        index: attributes.get(RTA.oif)?.readUInt32LE(0),
      });
    }
    return found;
  }

  #createChild(name: string, kind: string, parentIndex: number, data: Buffer, own: readonly Buffer[] = []): void {
    const info = nested(IFLA.linkinfo, attribute(IFLA_INFO_KIND, kind), nested(IFLA_INFO_DATA, data));
    this.#createLink(name, [attribute(IFLA.link, parentIndex), ...own, info], 0);
  }

  #createLink(name: string, parts: readonly Buffer[], flags: number): void {
    const body = Buffer.concat([linkHeader(0, flags, flags), attribute(IFLA.ifname, name), ...parts]);
    this.#socket.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, name);
  }
}

function linkHeader(index: number, flags: number, change: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

function settingAttributes({ mac, mtu }: LinkSettings): Buffer[] {
  const parts: Buffer[] = [];
  if (mac !== undefined) parts.push(attribute(IFLA.address, Buffer.from(mac.replaceAll(':', ''), 'hex')));
  if (mtu !== undefined) parts.push(attribute(IFLA.mtu, mtu));
  return parts;
}

function parseLink(message: Buffer): Link {
  const attributes = attributesOf(message.subarray(16));
  const info = attributes.get(IFLA.linkinfo);
  return {
    index: message.readInt32LE(4),
    name: textOf(attributes.get(IFLA.ifname)) ?? '',
    kind: info === undefined ? undefined : textOf(attributesOf(info).get(IFLA_INFO_KIND)),
    mac: attributes
      .get(IFLA.address)
      ?.toString('hex')
      .replace(/(..)(?=.)/g, '$1:'),
    mtu: attributes.get(IFLA.mtu)?.readUInt32LE(0) ?? 0,
    up: (message.readUInt32LE(8) & IFF_UP) !== 0,
    master: attributes.get(IFLA.master)?.readUInt32LE(0) ?? 0,
    alias: textOf(attributes.get(IFLA.ifalias)),
  };
}

function u16(value: number): Buffer {
  const data = Buffer.alloc(2);
  data.writeUInt16LE(value, 0);
  return data;
}

function broadcastBytes(bytes: Buffer, prefixLength: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE((bytes.readUInt32BE(0) | (0xffffffff >>> prefixLength)) >>> 0, 0);
  return out;
}
