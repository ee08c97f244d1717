import { libc, SystemCallError } from './ffi.ts';

const initActions = libc.func('int posix_spawn_file_actions_init(void *actions)');
const destroyActions = libc.func('int posix_spawn_file_actions_destroy(void *actions)');
const addDup2 = libc.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int as)');
const addOpen = libc.func(
  'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, uint32_t mode)',
);
const initAttributes = libc.func('int posix_spawnattr_init(void *attributes)');
const setFlags = libc.func('int posix_spawnattr_setflags(void *attributes, short flags)');
const setDefaults = libc.func('int posix_spawnattr_setsigdefault(void *attributes, void *signals)');
const setMask = libc.func('int posix_spawnattr_setsigmask(void *attributes, void *signals)');
const fillSignals = libc.func('int sigfillset(void *signals)');
const emptySignals = libc.func('int sigemptyset(void *signals)');
const spawnCall = libc.func(
  'int posix_spawnp(void *pid, const char *file, void *actions, void *attributes, const char **argv, const char **env)',
);

const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
const O_RDWR = 2;
/** More than posix_spawn_file_actions_t, posix_spawnattr_t (336) and sigset_t (128) take in any C library for Linux. */
const ROOM_BYTES = 512;

let attributes: Buffer | undefined;

/**
 * Starts a program as a child that the caller reaps (see `reap`): with its descriptors for 0, 1 and 2, no signal ignored or
 * blocked, in this process' environment. Unlike Node's own way this copies no page tables, which a large process takes
 * milliseconds for, and more for each page it writes to afterwards. Returns when the program runs.
 * @param name what it finds as its own name, `argv[0]`
 * @throws {SystemCallError} e.g. `ENOENT`
 * @see posix_spawn(3)
 */
export function spawnProgram(
  path: string,
  args: readonly string[],
  stdio: readonly (number | 'ignore')[],
  name: string = path,
): number {
  attributes ??= spawnAttributes();
  const actions = Buffer.alloc(ROOM_BYTES);
  const pid = Buffer.alloc(4);
  succeed(initActions(actions), path);
  try {
    for (const [target, from] of stdio.entries()) {
      succeed(
        from === 'ignore' ? addOpen(actions, target, '/dev/null', O_RDWR, 0) : addDup2(actions, from, target),
        path,
      );
    }
    const environment = Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ''}`);
    succeed(spawnCall(pid, path, actions, attributes, [name, ...args, null], [...environment, null]), path);
  } finally {
    destroyActions(actions);
  }
  return pid.readInt32LE(0);
}

/** Node ignores SIGPIPE, and its threads block signals; a program must not inherit that. */
function spawnAttributes(): Buffer {
  const made = Buffer.alloc(ROOM_BYTES);
  const signals = Buffer.alloc(ROOM_BYTES);
  succeed(initAttributes(made), 'attributes');
  setFlags(made, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  fillSignals(signals);
  setDefaults(made, signals);
  emptySignals(signals);
  setMask(made, signals);
  return made;
}

/** These calls give the errno as their result. */
function succeed(errno: number, path: string): void {
  if (errno !== 0) throw new SystemCallError('posix_spawn', errno, path);
}
