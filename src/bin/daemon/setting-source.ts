import { badOption } from './errors.ts';

/** How one setting is read: its flag, its key in the file, its value from either. */
export interface SettingSource<Setting extends string = string> {
  readonly setting: Setting;
  /** Name of the flag, without dashes. */
  readonly flag: string;
  /** Key in the file; Docker's where it has one. */
  readonly key: string;
  readonly help: string;
  readonly kind: 'text' | 'texts' | 'flag';
  readonly short?: string;
  readonly argument?: string;
  /** Checks and converts what flag or file gave. @throws {WharfError} `BAD_OPTION` */
  readonly convert?: (value: unknown) => unknown;
}

export function oneOf(name: string, words: readonly string[]): (value: unknown) => unknown {
  return (value) => {
    if (typeof value === 'string' && words.includes(value)) return value;
    throw badOption({ message: `invalid ${name} "${String(value)}": ${words.join(', ')} are known` });
  };
}

/** A whole number, as text of a flag or number of the file. */
export function wholeNumber(name: string): (value: unknown) => number {
  return (value) => {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number)) return number;
    throw badOption({ message: `invalid ${name} ${JSON.stringify(value)}: a whole number is expected` });
  };
}
