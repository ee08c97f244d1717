import { invalidParameter } from '../../core/errors.ts';
import type { Filters } from '../../engine/index.ts';
import { notANumber } from '../errors.ts';
import { parseFilters } from './filters.ts';
import { parseTime } from './time.ts';

const FALSE = ['', '0', 'no', 'false', 'none'];

/** The query of a request, read the way Docker's daemon reads it. */
export class Query {
  readonly #values: URLSearchParams;

  constructor(values: URLSearchParams) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The first value; empty if there is none. */
  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  all(name: string): readonly string[] {
    return this.#values.getAll(name);
  }

  /** `0`, `no`, `false`, `none` and the empty text are false, all else is true. */
  flag(name: string, fallback = false): boolean {
    const value = this.#values.get(name);
    return value === null ? fallback : !FALSE.includes(value.trim().toLowerCase());
  }

  /** @throws {WharfError} `INVALID_PARAMETER` at anything but a whole number */
  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === '') return undefined;
    if (!/^[+-]?\d+$/.test(value) || !Number.isSafeInteger(Number(value)))
      throw invalidParameter({ message: `invalid ${name} "${value}": a whole number is expected` });
    return Number(value);
  }

  /** As `integer`, refused as Docker refuses `t` and `limit`: with status 500. @throws {WharfError} `NOT_A_NUMBER` */
  number(name: string): number | undefined {
    const value = this.text(name);
    if (value !== '' && !/^[+-]?\d{1,15}$/.test(value)) throw notANumber({ value });
    return value === '' ? undefined : Number(value);
  }

  /** JSON in a parameter, e.g. `buildargs`. @throws {WharfError} `INVALID_PARAMETER` */
  json(name: string): unknown {
    const value = this.text(name);
    if (value === '') return undefined;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      throw invalidParameter({ message: `error reading ${name}: it is not JSON` });
    }
  }

  filters(): Filters {
    return parseFilters(this.text('filters'));
  }

  /** A moment in nanoseconds since 1970; absent if empty or 0. */
  time(name: string): bigint | undefined {
    return parseTime(name, this.text(name));
  }
}
