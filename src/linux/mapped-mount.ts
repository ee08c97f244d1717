import { closeSync } from 'node:fs';
import { check, libc } from './ffi.ts';

const openTree = libc.func('long syscall(long number, long directory, const char *path, unsigned long flags)');
const setAttributes = libc.func(
  'long syscall(long number, long directory, const char *path, unsigned long flags, void *attributes, unsigned long size)',
);
const moveMount = libc.func(
  'long syscall(long number, long from, const char *path, long to, const char *target, unsigned long flags)',
);

/** The same on every machine. */
const SYS = { open_tree: 428, move_mount: 429, mount_setattr: 442 } as const;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_IDMAP = 0x00100000n;
const MS_PRIVATE = 1n << 18n;

/**
 * Makes `source` seen at `target` with users and groups as the user namespace has them: what is user 0's on the disk belongs
 * there to the user that is 0 in it, and the other way round for what is made there. With `recursive` what is mounted below
 * comes along as it is. Nothing spreads from or to the mount.
 * @throws {SystemCallError} `EINVAL` where the file system cannot (the kernel must be 5.12 or newer)
 * @see mount_setattr(2), ID-mapped mounts
 */
export function mountMapped(
  source: string,
  target: string,
  usernsFd: number,
  options: { readonly recursive: boolean },
): void {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (options.recursive ? AT_RECURSIVE : 0);
  const tree = check(Number(openTree(SYS.open_tree, AT_FDCWD, source, flags)), 'open_tree', source);
  try {
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    const attributes = Buffer.alloc(32);
    attributes.writeBigUInt64LE(MS_PRIVATE, 16);
    const set = (more: number): unknown =>
      setAttributes(SYS.mount_setattr, tree, '', AT_EMPTY_PATH | more, attributes, attributes.length);
    check(Number(set(AT_RECURSIVE)), 'mount_setattr', source);
    attributes.writeBigUInt64LE(MOUNT_ATTR_IDMAP, 0);
    attributes.writeBigUInt64LE(BigInt(usernsFd), 24);
    check(Number(set(0)), 'mount_setattr', source);
    check(Number(moveMount(SYS.move_mount, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)), 'move_mount', target);
  } finally {
    closeSync(tree);
  }
}
