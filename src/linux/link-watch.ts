import { attributesOf, textOf } from './netlink.ts';
import { watchNetlink } from './netlink-stream.ts';

const NETLINK_ROUTE = 0;
const RTNLGRP_LINK = 1;
const RTM_DELLINK = 17;
const AF_UNSPEC = 0;
const LINK_HEADER_BYTES = 16;
const IFLA_IFNAME = 3;

/**
 * Tells the name of each network device of this thread's namespace that is deleted; does not keep the process alive.
 * `onLost`: more happened at once than the kernel kept for us; nothing more will be told.
 * @throws {SystemCallError}
 */
export function watchLinks(onDeleted: (name: string) => void, onLost: (why: string) => void): Disposable {
  const take = (type: number, body: Buffer) => {
    // With another family it tells of a port that left its bridge.
    if (type !== RTM_DELLINK || body[0] !== AF_UNSPEC) return;
    onDeleted(textOf(attributesOf(body.subarray(LINK_HEADER_BYTES)).get(IFLA_IFNAME)) ?? '');
  };
  return watchNetlink(NETLINK_ROUTE, RTNLGRP_LINK, take, onLost);
}
