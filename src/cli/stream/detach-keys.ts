const NAMED: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };

/** `ctrl-p,ctrl-q` as bytes. @throws {Error} for a key that cannot be typed */
export function parseDetachKeys(text: string): number[] {
  return text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    if (key === 'DEL') return 127;
    const control = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
    const code =
      control === undefined ? undefined : /[a-z]/.test(control) ? control.charCodeAt(0) - 96 : NAMED[control];
    if (code === undefined) throw new Error(`invalid detach keys (${text}): unknown character: '${key}'`);
    return code;
  });
}

/** Watches typed bytes for the detach sequence; a beginning of it is held back until it is clear that it is none. */
export class DetachFilter {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What to send on, and whether the sequence was completed. */
  push(chunk: Uint8Array): { readonly pass: Buffer; readonly detached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        pass.push(...this.#keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) pass.push(byte);
      else if (++this.#matched === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}

/** The sequence asked for: by option, else in `config.json`. */
export function detachKeysOf(
  options: { readonly detachKeys: string | undefined },
  { config }: { readonly config: { readonly detachKeys?: string } },
): string | undefined {
  return options.detachKeys ?? (config.detachKeys || undefined);
}
