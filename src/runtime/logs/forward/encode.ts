import type { LogRecord } from '../decode-record.ts';
import type { JournaldTarget, LogForward, SyslogTarget } from './target.ts';

const PRIORITY = { stdout: 6, stderr: 3 } as const;
const NEWLINE = 10;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A record as one message of the receiver's protocol. */
export type EncodeRecord = (record: LogRecord) => Buffer;

/** How records are written for a receiver. */
export function encoderFor(target: LogForward): EncodeRecord {
  return target.kind === 'syslog' ? (record) => syslogMessage(target, record) : journalEncoder(target);
}

/**
 * A syslog message, ended by a newline (RFC 6587, 3.4.2), over TLS in the newer formats with its length before it (RFC 5425).
 * The time is that of the record, not of the sending.
 */
export function syslogMessage(target: SyslogTarget, record: LogRecord): Buffer {
  const { format, facility, tag, hostname, address } = target;
  const priority = facility * 8 + PRIORITY[record.stream];
  const head =
    format === 'unix'
      ? `<${priority}>${stamp(record.time)} ${tag}[${process.pid}]: `
      : format === 'rfc3164'
        ? `<${priority}>${stamp(record.time)} ${hostname} ${tag}[${process.pid}]: `
        : `<${priority}>1 ${isoTime(record.time, format)} ${hostname} ${tag} ${process.pid} ${tag} - `;
  const message = Buffer.concat([Buffer.from(head), withoutNewline(record.payload), Buffer.of(NEWLINE)]);
  const isFramed = address.transport === 'tcp+tls' && format.startsWith('rfc5424');
  return isFramed ? Buffer.concat([Buffer.from(`${message.length} `), message]) : message;
}

/** `Jan _2 15:04:05` of the local time zone. */
function stamp(time: string): string {
  const at = new Date(`${time.slice(0, 19)}Z`);
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  return `${MONTHS[at.getMonth()]} ${String(at.getDate()).padStart(2, ' ')} ${clock}`;
}

function isoTime(time: string, format: SyslogTarget['format']): string {
  return format === 'rfc5424micro' ? `${time.slice(0, 26)}Z` : `${time.slice(0, 19)}Z`;
}

/**
 * An entry of journald's native protocol: `KEY=value` lines, or the key, the value's length in 64 bits and the value where it
 * holds newlines. A line that was too long for one record comes as several entries with CONTAINER_PARTIAL_MESSAGE.
 * @see https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
 */
function journalEncoder({ fields }: JournaldTarget): EncodeRecord {
  const fixed = Buffer.concat(Object.entries(fields).map(([key, value]) => journalField(key, Buffer.from(value))));
  const partial = journalField('CONTAINER_PARTIAL_MESSAGE', Buffer.from('true'));
  return ({ stream, time, payload }) =>
    Buffer.concat([
      journalField('MESSAGE', withoutNewline(payload)),
      Buffer.from(`PRIORITY=${PRIORITY[stream]}\nSYSLOG_TIMESTAMP=${time}\n`),
      fixed,
      payload.at(-1) === NEWLINE ? Buffer.alloc(0) : partial,
    ]);
}

function journalField(key: string, value: Buffer): Buffer {
  if (!value.includes(NEWLINE)) return Buffer.concat([Buffer.from(`${key}=`), value, Buffer.of(NEWLINE)]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${key}\n`), length, value, Buffer.of(NEWLINE)]);
}

function withoutNewline(payload: Buffer): Buffer {
  return payload.at(-1) === NEWLINE ? payload.subarray(0, -1) : payload;
}
