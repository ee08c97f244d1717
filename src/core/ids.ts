import { randomBytes } from 'node:crypto';

const ID = /^[a-f0-9]{64}$/;

/** A new 64-digit hexadecimal ID. Never all digits in its first 12, so that a short ID does not read as a number. */
export function newId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (!/^\d{12}/.test(id)) return id;
  }
}

export function isId(text: string): boolean {
  return ID.test(text);
}

/** The 12 digits that people see; `sha256:` in front is dropped. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
