import { StringDecoder } from 'node:string_decoder';

/**
 * The JSON objects of a byte stream, in order, whether they are separated by newlines, by blanks or not at all.
 * Text outside of objects is skipped; a stream cut within an object ends without it.
 */
export async function* jsonObjects<T>(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const cutter = new ObjectCutter();
  for await (const chunk of bytes) {
    for (const text of cutter.push(chunk)) yield JSON.parse(text) as T;
  }
}

/** Cuts text into the top-level JSON objects in it, without parsing them. */
class ObjectCutter {
  #decoder = new StringDecoder('utf8');
  #text = '';
  #at = 0;
  #depth = 0;
  #start = -1;
  #inString = false;

  *push(chunk: Uint8Array): Generator<string> {
    this.#text += this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charCodeAt(this.#at);
      if (this.#inString) {
        if (c === BACKSLASH) this.#at++;
        else if (c === QUOTE) this.#inString = false;
      } else if (c === QUOTE) {
        this.#inString = this.#depth > 0;
      } else if (c === OPEN) {
        if (this.#depth++ === 0) this.#start = this.#at;
      } else if (c === CLOSE && this.#depth > 0 && --this.#depth === 0) {
        yield this.#text.slice(this.#start, this.#at + 1);
        this.#start = -1;
      }
    }
    // An escape cut in two leaves #at one past the end: it stays so, relative to the text that is kept.
    const keep = this.#start < 0 ? this.#text.length : this.#start;
    this.#text = this.#text.slice(keep);
    this.#at -= keep;
    if (this.#start >= 0) this.#start = 0;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
