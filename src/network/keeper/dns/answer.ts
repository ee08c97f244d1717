import dnsPacket from 'dns-packet';
import type { Answer, DecodedPacket, Packet } from 'dns-packet';

/** Seconds that a client may keep our answers; Docker's. */
const TTL_SECONDS = 600;
const NOERROR = 0;
const FORMERR = 1;
export const SERVFAIL = 2;
const NOTIMP = 4;
export const REFUSED = 5;
/** Bytes of an answer that every client takes over UDP (RFC 1035, 4.2.1). */
const PLAIN_UDP_BYTES = 512;

/** What the networks of one container know. */
export interface NameSource {
  /** Addresses of a name, lower case without trailing dot; `undefined` if it is nobody's here. */
  lookup(name: string): { readonly ipv4: readonly string[]; readonly ipv6: readonly string[] } | undefined;
  /** Full name of an address. */
  reverse(address: string): string | undefined;
}

/**
 * Our own answer to a query, or `undefined` if it has to be asked elsewhere. A name that is known here is never asked
 * elsewhere, also not for a kind of address that it does not have.
 */
export function answerLocally(query: DecodedPacket, source: NameSource): Buffer | undefined {
  const question = query.questions?.[0];
  if (question === undefined) return reply(query, FORMERR);
  const opcode = ((query.flags ?? 0) >> 11) & 15;
  if (opcode !== 0) return reply(query, NOTIMP);
  const name = question.name.toLowerCase().replace(/\.$/, '');
  if (question.type === 'PTR') {
    const address = addressOfPtr(name);
    const host = address === undefined ? undefined : source.reverse(address);
    if (host === undefined) return undefined;
    return reply(query, NOERROR, [{ type: 'PTR', name: question.name, ttl: TTL_SECONDS, data: host }]);
  }
  if (question.type !== 'A' && question.type !== 'AAAA' && question.type !== 'MX') return undefined;
  const found = source.lookup(name);
  if (found === undefined) return undefined;
  const { type } = question;
  const addresses = type === 'A' ? found.ipv4 : type === 'AAAA' ? found.ipv6 : [];
  const answers = addresses.map((data): Answer => ({ type: type as 'A', name: question.name, ttl: TTL_SECONDS, data }));
  return reply(query, NOERROR, answers);
}

/** Says that the name has nothing of the kind that was asked for. */
export function emptyAnswer(query: DecodedPacket): Buffer {
  return reply(query, NOERROR);
}

/** An answer to `query` with that code. */
export function reply(query: DecodedPacket, code: number, answers: Answer[] = []): Buffer {
  const wantsRecursion = (query.flags ?? 0) & dnsPacket.RECURSION_DESIRED;
  const packet: Packet = {
    type: 'response',
    id: query.id ?? 0,
    flags: wantsRecursion | dnsPacket.RECURSION_AVAILABLE | code,
    questions: query.questions ?? [],
    answers,
  };
  return dnsPacket.encode(packet);
}

/** Fits an answer into what the client takes over UDP: one that is too long is cut to none, marked so that TCP is tried. */
export function fitUdp(query: DecodedPacket, answer: Buffer): Buffer {
  const extension = query.additionals?.find((record) => record.type === 'OPT');
  const limit = extension?.type === 'OPT' ? Math.max(extension.udpPayloadSize, PLAIN_UDP_BYTES) : PLAIN_UDP_BYTES;
  if (answer.length <= limit) return answer;
  return reply(query, dnsPacket.TRUNCATED_RESPONSE | (answer.readUInt16BE(2) & 15));
}

/** The address that a name below in-addr.arpa or ip6.arpa stands for. */
export function addressOfPtr(name: string): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (v4 !== null) return v4.slice(1).reverse().join('.');
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (v6?.[1] === undefined) return undefined;
  const digits = v6[1].replaceAll('.', '').split('').reverse().join('');
  return new URL(`http://[${digits.replace(/(.{4})(?=.)/g, '$1:')}]/`).hostname.slice(1, -1);
}
