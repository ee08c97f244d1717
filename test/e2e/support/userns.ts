import { chmodSync } from 'node:fs';
import type { IdMaps } from '../../../src/core/id-map.ts';
import { usernsRemap } from '../../../src/bin/daemon/userns-remap.ts';

/**
 * The suite can be run with users of containers mapped: `WHARF_TEST_USERNS=default npm run test:e2e` gives every daemon
 * `--userns-remap=default`. Tests that bring a setting of their own keep it.
 */
const setting = process.env['WHARF_TEST_USERNS'] ?? '';

/** Flags for a daemon whose roots are below `directory`, which containers' root is let through. */
export function usernsFlags(directory: string, given: readonly string[]): readonly string[] {
  const own = given.some((flag) => flag.startsWith('--userns-remap'));
  if (own || setting !== '') chmodSync(directory, 0o711);
  return own || setting === '' ? [] : ['--userns-remap', setting];
}

/** The same for an engine without daemon. */
export function usernsMaps(directory: string): IdMaps | undefined {
  if (setting === '') return undefined;
  chmodSync(directory, 0o711);
  return usernsRemap(setting);
}

/** Whether this run maps users: what has IDs beyond the 65536 that are mapped then belongs to nobody. */
export const isMapped: boolean = setting !== '';

/** The same for a stock engine that is compared with. */
export const stockUsernsFlags: Readonly<Record<string, string>> = isMapped ? { 'userns-remap': setting } : {};
