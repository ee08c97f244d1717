import { callOnThread, check, libc, SystemCallError } from './ffi.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_ACK_TLVS = 0x200;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLA_F_NESTED = 0x8000;
const NLMSGERR_ATTR_MSG = 1;
const HEADER_BYTES = 16;

const NETLINK_ROUTE = 0;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const socket = libc.func('int socket(int domain, int type, int protocol)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');
const send = libc.func('long send(int fd, void *data, size_t length, int flags)');
const recv = libc.func('long recv(int fd, void *data, size_t length, int flags)');
const close = libc.func('int close(int fd)');

/** One netlink attribute, padded to four bytes. A string gets its terminating zero; a number is a u32. */
export function attribute(type: number, value: Buffer | string | number): Buffer {
  const data = typeof value === 'string' ? Buffer.from(`${value}\0`) : typeof value === 'number' ? u32(value) : value;
  const out = Buffer.alloc(4 + ((data.length + 3) & ~3));
  out.writeUInt16LE(4 + data.length, 0);
  out.writeUInt16LE(type, 2);
  data.copy(out, 4);
  return out;
}

/** An attribute made of attributes. */
export function nested(type: number, ...parts: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

/** The attributes in a message's tail, by type; of a repeated one the last. */
export function attributesOf(data: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= data.length; ) {
    const length = data.readUInt16LE(at);
    if (length < 4) break;
    found.set(data.readUInt16LE(at + 2) & 0x3fff, data.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** The text of a string attribute without its terminating zero. */
export function textOf(data: Buffer | undefined): string | undefined {
  if (data === undefined) return undefined;
  const end = data.indexOf(0);
  return data.toString('utf8', 0, end < 0 ? data.length : end);
}

/**
 * A netlink socket of the network namespace that its thread was in when it was opened; it stays with that namespace. Requests
 * are answered before `send` returns, so they are plain synchronous calls.
 */
export class NetlinkSocket implements Disposable {
  #fd: number;
  #sequence = 0;
  readonly #answer = Buffer.allocUnsafeSlow(64 * 1024);

  constructor(protocol: number = NETLINK_ROUTE) {
    this.#fd = check(socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), 'socket');
    const on = u32(1);
    // Comforts of newer kernels: their absence is no failure.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      setsockopt(this.#fd, SOL_NETLINK, option, on, 4);
    }
  }

  /**
   * Sends one request and waits for its acknowledgement.
   * @param about the thing it is about, for the error's text
   * @throws {SystemCallError} with the kernel's errno and, where it says more, its words
   */
  request(type: number, flags: number, body: Buffer, about: string): void {
    this.#send(type, flags | NLM_F_ACK, body, about);
    this.#receive(about, () => undefined);
  }

  /** As `request`, on a thread of the pool: for what the kernel takes long to do, like deleting a device. One at a time. */
  async requestAsync(type: number, flags: number, body: Buffer, about: string): Promise<void> {
    const message = this.#message(type, flags | NLM_F_ACK, body);
    await this.#onPool(send, message, about);
    this.#receive(about, () => undefined);
  }

  /** As `dump`, on threads of the pool: for long lists. One at a time. */
  async dumpAsync(type: number, body: Buffer, about: string): Promise<Buffer[]> {
    const found: Buffer[] = [];
    await this.#onPool(send, this.#message(type, NLM_F_DUMP, body), about);
    for (;;) {
      const length = await this.#onPool(recv, this.#answer, about);
      if (this.#take(length, about, (message) => found.push(message))) return found;
    }
  }

  /** Asks for one object; its message without the netlink header. @throws {SystemCallError} e.g. `ENODEV` */
  get(type: number, body: Buffer, about: string): Buffer {
    this.#send(type, NLM_F_ACK, body, about);
    let found: Buffer | undefined;
    this.#receive(about, (message) => {
      found = message;
    });
    if (found === undefined) throw new Error(`netlink gave no answer about ${about}`);
    return found;
  }

  /** Lists objects; their messages without the netlink header. */
  dump(type: number, body: Buffer, about: string): Buffer[] {
    this.#send(type, NLM_F_DUMP, body, about);
    const found: Buffer[] = [];
    this.#receive(about, (message) => found.push(message));
    return found;
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }

  #message(type: number, flags: number, body: Buffer): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(HEADER_BYTES + body.length, 0);
    header.writeUInt16LE(type, 4);
    header.writeUInt16LE(flags | NLM_F_REQUEST, 6);
    this.#sequence = (this.#sequence + 1) >>> 0;
    header.writeUInt32LE(this.#sequence, 8);
    return Buffer.concat([header, body]);
  }

  #send(type: number, flags: number, body: Buffer, about: string): void {
    const message = this.#message(type, flags, body);
    check(send(this.#fd, message, message.length, 0), 'netlink', about);
  }

  #onPool(call: typeof send, data: Buffer, about: string): Promise<number> {
    return callOnThread(call, [this.#fd, data, data.length, 0], 'netlink', about);
  }

  #receive(about: string, each: (message: Buffer) => void): void {
    for (;;) {
      const length = check(recv(this.#fd, this.#answer, this.#answer.length, 0), 'netlink', about);
      if (this.#take(length, about, each)) return;
    }
  }

  /**
   * Takes the messages of one answer; whether the acknowledgement or the end of a dump was among them. Messages of an earlier,
   * given-up request are passed over.
   */
  #take(length: number, about: string, each: (message: Buffer) => void): boolean {
    for (let at = 0; at + HEADER_BYTES <= length; ) {
      const size = this.#answer.readUInt32LE(at);
      const type = this.#answer.readUInt16LE(at + 4);
      const flags = this.#answer.readUInt16LE(at + 6);
      const ours = this.#answer.readUInt32LE(at + 8) === this.#sequence;
      const payload = this.#answer.subarray(at + HEADER_BYTES, at + size);
      at += (size + 3) & ~3;
      if (!ours) continue;
      if (type === NLMSG_DONE) return true;
      if (type !== NLMSG_ERROR) {
        each(Buffer.from(payload));
        continue;
      }
      const errno = -payload.readInt32LE(0);
      if (errno === 0) return true;
      throw failure(errno, about, flags & NLM_F_ACK_TLVS ? payload.subarray(4 + HEADER_BYTES) : Buffer.alloc(0));
    }
    return false;
  }
}

function failure(errno: number, about: string, details: Buffer): SystemCallError {
  const error = new SystemCallError('netlink', errno, about);
  const words = textOf(attributesOf(details).get(NLMSGERR_ATTR_MSG));
  if (words) error.message += ` (${words})`;
  return error;
}

function u32(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value >>> 0, 0);
  return data;
}
