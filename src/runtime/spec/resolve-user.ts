import type { ResolvedUser } from './input.ts';

/**
 * `user[:group]` by the rootfs' own /etc/passwd and /etc/group, read without following links out of it.
 * @throws {WharfError} `UNKNOWN_USER`
 */
export function resolveUser(_rootfs: string, _user: string, _groupAdd: readonly string[]): ResolvedUser {
  throw new Error('the spec is being written');
}
