import type { ImageRunConfig } from '../../core/oci.ts';
import type { BuildStyle } from '../contract.ts';
import { shellOf } from './config.ts';

/** `comment` of each step that is written as BuildKit does. */
export const BUILDKIT_COMMENT = 'buildkit.dockerfile.v0';

/** `created_by` of an instruction that runs nothing. */
export function described(style: BuildStyle, config: ImageRunConfig, text: string): string {
  return style === 'buildkit' ? text : nop(config, text);
}

/** The same as the classic builder writes it. `blanks`: 2 before pure metadata, 1 else. */
export function nop(config: ImageRunConfig, text: string, blanks: 1 | 2 = 2): string {
  return `${shellOf(config).join(' ')} #(nop)${' '.repeat(blanks)}${text}`;
}

/** `created_by` of a RUN: the arguments in scope, and the command. */
export function runHistory(style: BuildStyle, argv: readonly string[], args: readonly string[]): string {
  const words = [...(args.length === 0 ? [] : [`|${args.length}`, ...args]), ...argv];
  return style === 'buildkit' ? `RUN ${words.join(' ')} # buildkit` : words.join(' ');
}

/** Words as Go's `%q` prints a list: `["a" "b"]`. */
export function quotedList(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(' ')}]`;
}

/** Nanoseconds as Go prints a duration: `5s`, `1m30s`, `500ms`. */
export function goDuration(nanos: number): string {
  if (nanos === 0) return '0s';
  if (nanos < 1e9) return `${nanos / 1e6}ms`;
  const seconds = nanos / 1e9;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${Number((seconds % 60).toFixed(9))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
