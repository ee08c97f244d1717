import type { IgnoreRules } from '../context/ignore.ts';
import type { GivenArgs } from '../graph/variables.ts';
import type { RuleName } from './rules.ts';

/** What the checks look at beside the Dockerfile. */
export interface CheckInput {
  readonly given: GivenArgs;
  readonly ignored: IgnoreRules;
  /** The environment of an image that is here; `undefined`: not known. */
  readonly environmentOf?: ((reference: string) => readonly string[] | undefined) | undefined;
  /** What an image that is here was made for, `linux/amd64`; `undefined`: not known. */
  readonly platformOf?: ((reference: string) => string | undefined) | undefined;
}

/** A finding, before it is filled up with what the rule's name says. */
export interface Finding {
  readonly rule: RuleName;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}
