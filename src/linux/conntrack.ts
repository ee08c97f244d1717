import { SystemCallError } from './ffi.ts';
import { NetlinkSocket, attribute, attributesOf, nested } from './netlink.ts';

const NETLINK_NETFILTER = 12;
const CT_GET = (1 << 8) | 1;
const CT_DELETE = (1 << 8) | 2;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_UDP = 17;
const CTA = { tupleOrig: 1, zone: 18, filter: 25 } as const;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO = { num: 1, dstPort: 3 } as const;
const CTA_FILTER_ORIG_FLAGS = 1;
/** The filter looks at the protocol's number and at the port of destination. */
const BY_PROTOCOL_AND_PORT = (1 << 3) | (1 << 5);

/**
 * Makes the kernel forget the UDP flows of a family that were first sent to one of these ports, in this thread's namespace:
 * their next packet is looked at anew by the NAT rules. Success means "there are none from before". Takes about ten
 * milliseconds, most of them off the main thread.
 */
export async function forgetUdpFlows(family: 4 | 6, ports: ReadonlySet<number>): Promise<void> {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  const header = Buffer.from([family === 4 ? AF_INET : AF_INET6, 0, 0, 0]);
  for (const port of ports) {
    const wanted = nested(
      CTA.tupleOrig,
      nested(
        CTA_TUPLE_PROTO,
        attribute(CTA_PROTO.num, Buffer.from([IPPROTO_UDP])),
        attribute(CTA_PROTO.dstPort, u16(port)),
      ),
    );
    const filter = nested(CTA.filter, attribute(CTA_FILTER_ORIG_FLAGS, BY_PROTOCOL_AND_PORT));
    for (const flow of await socket.dumpAsync(CT_GET, Buffer.concat([header, wanted, filter]), 'flows')) {
      const found = attributesOf(flow.subarray(4));
      const tuple = found.get(CTA.tupleOrig);
      // Kernels before 5.8 know no filter, and list everything.
      if (tuple === undefined || !isUdpTo(tuple, port)) continue;
      const zone = found.get(CTA.zone);
      const parts = [header, nested(CTA.tupleOrig, tuple), ...(zone ? [attribute(CTA.zone, zone)] : [])];
      try {
        socket.request(CT_DELETE, 0, Buffer.concat(parts), 'flow');
      } catch (error) {
        if (!(error instanceof SystemCallError && error.code === 'ENOENT')) throw error;
      }
    }
  }
}

function isUdpTo(tuple: Buffer, port: number): boolean {
  const protocol = attributesOf(attributesOf(tuple).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  return protocol.get(CTA_PROTO.num)?.[0] === IPPROTO_UDP && protocol.get(CTA_PROTO.dstPort)?.readUInt16BE(0) === port;
}

function u16(value: number): Buffer {
  const data = Buffer.alloc(2);
  data.writeUInt16BE(value, 0);
  return data;
}
