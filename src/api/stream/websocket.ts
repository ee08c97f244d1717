import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Duplex } from 'node:stream';

/** What a server adds to the client's key to show that it speaks the protocol (RFC 6455, section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** More than any keystroke or paste; a client that sends larger messages is cut off. */
const MOST_PAYLOAD_BYTES = 16 * 1024 * 1024;
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const CLOSE_NORMAL = 1000;
const CLOSE_PROTOCOL_ERROR = 1002;

/** The head that accepts a websocket; `undefined` if this is no request for one. @see RFC 6455, section 4.2 */
export function websocketHead(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['sec-websocket-key'];
  if (
    headers.upgrade?.toLowerCase() !== 'websocket' ||
    key === undefined ||
    headers['sec-websocket-version'] !== '13'
  ) {
    return undefined;
  }
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/** A message for the client: servers do not mask (RFC 6455, section 5.1). */
export function encodeMessage(payload: Buffer, opcode: number): Buffer {
  const { length } = payload;
  let header: Buffer;
  if (length < 126) header = Buffer.from([0x80 | opcode, length]);
  else if (length < 65_536) {
    header = Buffer.from([0x80 | opcode, 126, 0, 0]);
    header.writeUInt16BE(length, 2);
  } else {
    header = Buffer.alloc(10);
    header[0] = 0x80 | opcode;
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, payload]);
}

interface ClientFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Takes apart what a client sends. @throws {Error} at what is against the protocol */
export class ClientFrames {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): ClientFrame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: ClientFrame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): ClientFrame | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    const opcode = bytes.readUInt8(0) & 0x0f;
    const second = bytes.readUInt8(1);
    if ((second & 0x80) === 0) throw new Error('frames of a client must be masked');
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    if (length > MOST_PAYLOAD_BYTES) throw new Error('the message is too large');
    if (bytes.length < at + 4 + length) return undefined;
    const mask = bytes.subarray(at, at + 4);
    const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
    for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
    this.#pending = bytes.subarray(at + 4 + length);
    return { opcode, payload };
  }
}

/**
 * A websocket as plain bytes both ways: each chunk written is one message, what the client's messages hold is read. The
 * client's close is the end of reading; ending this closes the websocket. @param asText old clients want text messages
 */
export function websocketStream(socket: Duplex, asText: boolean): Duplex {
  const frames = new ClientFrames();
  const opcode = asText ? OPCODE.text : OPCODE.binary;
  let closed = false;
  const close = (code: number) => {
    if (closed || socket.destroyed) return;
    closed = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    socket.end(encodeMessage(payload, OPCODE.close));
  };
  const stream: Duplex = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (closed || socket.destroyed) return done();
      socket.write(encodeMessage(chunk, opcode), () => done());
    },
    final(done) {
      close(CLOSE_NORMAL);
      done();
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const frame of frames.push(chunk)) {
        if (frame.opcode === OPCODE.close) {
          close(CLOSE_NORMAL);
          stream.push(null);
        } else if (frame.opcode === OPCODE.ping) {
          if (!closed) socket.write(encodeMessage(frame.payload, OPCODE.pong));
        } else if (frame.opcode !== OPCODE.pong && !closed && !stream.push(frame.payload)) socket.pause();
      }
    } catch {
      close(CLOSE_PROTOCOL_ERROR);
      stream.push(null);
    }
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', () => undefined);
  socket.on('close', () => stream.destroy());
  return stream;
}
