import dnsPacket from 'dns-packet';
import type { DecodedPacket } from 'dns-packet';

const HEADER_BYTES = 12;
/** A name of one byte, type and class. */
const LEAST_QUESTION_BYTES = 5;
/** The same, time to live and length. */
const LEAST_RECORD_BYTES = 11;

/** A question; what is none is dropped without an answer. */
export function readQuery(message: Buffer): DecodedPacket | undefined {
  if (!holdsWhatItClaims(message)) return undefined;
  try {
    const packet = dnsPacket.decode(message);
    return packet.type === 'query' ? packet : undefined;
  } catch {
    return undefined;
  }
}

/** The decoder makes room for as many records as the header claims, 65,535 of each kind: two megabytes for a packet of 12 bytes. */
function holdsWhatItClaims(message: Buffer): boolean {
  if (message.length < HEADER_BYTES) return false;
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  const least = message.readUInt16BE(4) * LEAST_QUESTION_BYTES + records * LEAST_RECORD_BYTES;
  return HEADER_BYTES + least <= message.length;
}
