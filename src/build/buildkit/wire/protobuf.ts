/** A message on the wire that does not follow its encoding. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

type Kind = 'string' | 'bytes' | 'bool' | 'int' | 'long' | 'message';

/** A field of a message type: its number and how its values look. `T` is only for the compiler. */
export interface Field<T> {
  readonly number: number;
  readonly kind: Kind;
  readonly shape: 'one' | 'many' | 'map';
  readonly of?: MessageType<Fields>;
  readonly example?: T;
}
export type Fields = Readonly<Record<string, Field<unknown>>>;
/** The object that a message is here: every field is there; what was not sent is '', 0, false, empty or undefined. */
type Values<F extends Fields> = { -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };
/** The values of a message type. */
export type Of<M> = M extends MessageType<infer F> ? Values<F> : never;

const one = <T>(number: number, kind: Kind, of?: MessageType<Fields>): Field<T> => ({
  number,
  kind,
  shape: 'one',
  ...(of && { of }),
});
export const text = (number: number): Field<string> => one(number, 'string');
export const bytes = (number: number): Field<Buffer> => one(number, 'bytes');
export const flag = (number: number): Field<boolean> => one(number, 'bool');
/** Any of the integer types that are varints; exact up to 2^53. */
export const int = (number: number): Field<number> => one(number, 'int');
/** A 64-bit integer. */
export const long = (number: number): Field<bigint> => one(number, 'long');
export const sub = <F extends Fields>(number: number, of: MessageType<F>): Field<Values<F> | undefined> =>
  one(number, 'message', of as unknown as MessageType<Fields>);
export const many = <T>(field: Field<T>): Field<NonNullable<T>[]> => ({ ...field, shape: 'many' }) as never;
/** A map from texts; `field` says what the values are, and the map's own number. */
export const map = <T>(field: Field<T>): Field<Record<string, NonNullable<T>>> => ({ ...field, shape: 'map' }) as never;

/**
 * One protobuf message type (proto3): encodes and decodes objects by a table of fields. Unknown fields are passed over.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class MessageType<F extends Fields> {
  readonly #fields: F;
  readonly #byNumber: [string, Field<unknown>][] = [];
  readonly #zeros: Readonly<Record<string, unknown>>;
  /** Fields whose zero must be one of the message's own, as something is added to it. */
  readonly #growing: readonly [string, Field<unknown>][];

  constructor(fields: F) {
    this.#fields = fields;
    const entries = Object.entries(fields);
    for (const [name, field] of entries) this.#byNumber[field.number] = [name, field];
    this.#zeros = Object.fromEntries(entries.map(([name, field]) => [name, zeroOf(field)]));
    this.#growing = entries.filter(([, { shape }]) => shape !== 'one');
  }

  encode(values: Partial<Values<F>>): Buffer {
    const out: Buffer[] = [];
    for (const [name, field] of Object.entries(this.#fields)) {
      const value = (values as Readonly<Record<string, unknown>>)[name];
      if (value === undefined) continue;
      if (field.shape === 'many') for (const item of value as unknown[]) writeField(out, field, item);
      else if (field.shape === 'map') {
        for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
          const entry: Buffer[] = [];
          writeField(entry, text(1), key);
          writeField(entry, { ...field, number: 2 }, item);
          writeField(out, bytes(field.number), Buffer.concat(entry));
        }
      } else if (!isZero(value)) writeField(out, field, value);
    }
    return Buffer.concat(out);
  }

  /** @throws {MalformedMessage} */
  decode(encoded: Buffer): Values<F> {
    const values: Record<string, unknown> = { ...this.#zeros };
    for (const [name, field] of this.#growing) values[name] = zeroOf(field);
    const reader = new Reader(encoded);
    while (!reader.atEnd) {
      const { number, wire } = reader.tag();
      const known = this.#byNumber[number];
      if (known === undefined) {
        reader.skip(wire);
        continue;
      }
      const [name, field] = known;
      if (field.shape === 'map') {
        const [key, value] = readEntry(reader.delimited(), field);
        (values[name] as Record<string, unknown>)[key] = value;
      } else if (field.shape === 'many') {
        const list = values[name] as unknown[];
        if (wire === 2 && (field.kind === 'int' || field.kind === 'bool' || field.kind === 'long')) {
          const packed = new Reader(reader.delimited());
          while (!packed.atEnd) list.push(readValue(packed, field));
        } else list.push(readValue(reader, field));
      } else values[name] = readValue(reader, field);
    }
    return values as Values<F>;
  }
}

function isZero(value: unknown): boolean {
  return (
    value === '' || value === 0 || value === 0n || value === false || (Buffer.isBuffer(value) && value.length === 0)
  );
}

const NO_BYTES = Buffer.alloc(0);

function zeroOf({ shape, kind }: Field<unknown>): unknown {
  if (shape === 'many') return [];
  if (shape === 'map') return {};
  switch (kind) {
    case 'string':
      return '';
    case 'bytes':
      return NO_BYTES;
    case 'bool':
      return false;
    case 'int':
      return 0;
    case 'long':
      return 0n;
    case 'message':
      return undefined;
  }
}

function writeField(out: Buffer[], field: Field<unknown>, value: unknown): void {
  const delimited = (content: Buffer): void => {
    out.push(varint((BigInt(field.number) << 3n) | 2n), varint(BigInt(content.length)), content);
  };
  switch (field.kind) {
    case 'string':
      return delimited(Buffer.from(value as string));
    case 'bytes':
      return delimited(value as Buffer);
    case 'message':
      return delimited(field.of?.encode(value as Record<string, never>) ?? Buffer.alloc(0));
    case 'bool':
    case 'int':
    case 'long':
      out.push(varint(BigInt(field.number) << 3n), varint(BigInt.asUintN(64, BigInt(value as number))));
  }
}

function varint(value: bigint): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
  return Buffer.from(out);
}

function readValue(reader: Reader, { kind, of }: Field<unknown>): unknown {
  switch (kind) {
    case 'string':
      return reader.delimited().toString('utf8');
    case 'bytes':
      return reader.delimited();
    case 'message':
      return of?.decode(reader.delimited());
    case 'bool':
      return reader.integer() !== 0;
    case 'int':
      return reader.integer();
    case 'long':
      return reader.long();
  }
}

function readEntry(encoded: Buffer, field: Field<unknown>): [string, unknown] {
  const reader = new Reader(encoded);
  let key = '';
  let value: unknown = zeroOf({ ...field, shape: 'one' }) ?? field.of?.decode(Buffer.alloc(0));
  while (!reader.atEnd) {
    const { number, wire } = reader.tag();
    if (number === 1) key = reader.delimited().toString('utf8');
    else if (number === 2) value = readValue(reader, field);
    else reader.skip(wire);
  }
  return [key, value];
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  tag(): { number: number; wire: number } {
    const tag = this.integer();
    return { number: tag >>> 3, wire: tag & 7 };
  }

  /** Exact up to 2^53. */
  integer(): number {
    const { low, high } = this.#halves();
    return high * 2 ** 32 + low;
  }

  long(): bigint {
    const { low, high } = this.#halves();
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** The lower half of 64 bits as it is, the upper one signed. No big integers: there are a dozen of these in each message. */
  #halves(): { low: number; high: number } {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#next();
      const bits = byte & 127;
      if (shift < 32) low |= bits << shift;
      if (shift > 28) high |= bits << (shift - 32);
      else if (shift === 28) high = bits >>> 4;
      if (byte < 128) return { low: low >>> 0, high };
    }
    throw new MalformedMessage('an integer is too long');
  }

  delimited(): Buffer {
    const length = this.integer();
    if (length < 0 || length > this.#bytes.length - this.#at)
      throw new MalformedMessage('a field is longer than its message');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  skip(wire: number): void {
    if (wire === 0) this.#halves();
    else if (wire === 1) this.#at += 8;
    else if (wire === 2) this.delimited();
    else if (wire === 5) this.#at += 4;
    else throw new MalformedMessage(`wire type ${wire} is not known`);
  }

  #next(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new MalformedMessage('the message ends in the middle of a field');
    return byte;
  }
}
