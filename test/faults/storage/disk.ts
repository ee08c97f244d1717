import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';

/** A small ext4 file system of its own in a file, on a loop device. Nothing outside of `directory` is touched. */
export class Disk {
  readonly mountpoint: string;
  readonly #image: string;
  readonly #directory: string;
  #device: string | undefined;
  #filler = 0;

  /** @param inodes how many files it can hold; as many as is usual unless told */
  constructor(directory: string, options: { readonly megabytes: number; readonly inodes?: number }) {
    this.#directory = directory;
    this.mountpoint = join(directory, 'data');
    this.#image = join(directory, 'disk.img');
    mkdirSync(this.mountpoint, { recursive: true });
    writeFileSync(this.#image, '');
    truncateSync(this.#image, options.megabytes * 1024 * 1024);
    const inodes = options.inodes === undefined ? [] : ['-N', String(options.inodes)];
    sh(
      'mkfs.ext4',
      '-q',
      '-b',
      '4096',
      '-m',
      '0',
      '-E',
      'lazy_itable_init=0,lazy_journal_init=0',
      ...inodes,
      this.#image,
    );
  }

  mount(): void {
    this.#device ??= sh('losetup', '--find', '--show', this.#image).trim();
    sh('mount', '-t', 'ext4', '-o', 'errors=remount-ro', this.#device, this.mountpoint);
  }

  /** All that is mounted below it goes too, deepest first. Success means "it is not mounted". */
  unmount(): void {
    // Processes that were killed a moment ago hold it until the kernel is done with them.
    for (const path of mountsBelow(this.mountpoint)) patiently(() => sh('umount', path));
  }

  /** Mounts it anew, as a machine does when it boots: what the kernel had in memory is gone. */
  reboot(options: { readonly repair?: boolean } = {}): void {
    this.unmount();
    const device = this.#device;
    if (device !== undefined && isAlive(device)) {
      // Somebody's mount namespace still holds the old one: the bytes that reached the disk go on as another one.
      const next = `${this.#image}.next`;
      sh('cp', '--sparse=always', this.#image, next);
      sh('losetup', '--detach', device);
      this.#device = undefined;
      renameSync(next, this.#image);
    }
    if (options.repair === true) this.#repair();
    this.mount();
  }

  /** @throws {Error} what cannot be repaired */
  #repair(): void {
    try {
      sh('e2fsck', '-fy', this.#image);
    } catch (e) {
      // 1: errors were corrected.
      if ((e as { status?: number }).status !== 1) throw e;
    }
  }

  /** Fills it up to so many free megabytes. `free` undoes it. */
  fill(leaveMegabytes: number): void {
    const { bavail, bsize } = statfsSync(this.mountpoint);
    const bytes = Math.floor(bavail * bsize - leaveMegabytes * 1024 * 1024);
    if (bytes <= 0) return;
    try {
      sh('fallocate', '-l', String(bytes), join(this.mountpoint, `filler-${this.#filler++}`));
    } catch (e) {
      if (leaveMegabytes > 0) throw e; // others write too: it got all there was
    }
  }

  /** Uses up the inodes but for a few. */
  fillInodes(leave: number): void {
    const directory = join(this.mountpoint, `filler-${this.#filler++}`);
    mkdirSync(directory);
    const { ffree } = statfsSync(this.mountpoint);
    for (let i = 0; i < ffree - leave; i++) closeSync(openSync(join(directory, String(i)), 'w'));
  }

  free(): void {
    for (let i = 0; i < this.#filler; i++) {
      rmSync(join(this.mountpoint, `filler-${i}`), { recursive: true, force: true });
    }
    this.#filler = 0;
  }

  /** What the kernel does when the disk gives errors: the file system can only be read from now on. */
  becomeReadOnly(): void {
    writeFileSync(`/sys/fs/ext4/${basename(this.#device ?? '')}/trigger_fs_error`, 'a fault that a test made');
  }

  /** From now on nothing reaches the disk any more, not even its journal: what is there is what a power cut would leave. */
  cutPower(): void {
    const file = join(this.mountpoint, 'power');
    writeFileSync(file, '');
    // EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH
    sh(
      'perl',
      '-e',
      'open(F, "<", $ARGV[0]) or die; $how = pack("L", 2); ioctl(F, 0x8004587d, $how) or die "ioctl: $!"',
      file,
    );
  }

  [Symbol.dispose](): void {
    this.unmount();
    for (const path of mountsBelow(this.#directory)) sh('umount', path);
    if (this.#device !== undefined) sh('losetup', '--detach', this.#device);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Whether a file system on it is mounted anywhere, after some patience. */
function isAlive(device: string): boolean {
  try {
    patiently(() => {
      if (existsSync(`/sys/fs/ext4/${basename(device)}`)) throw new Error('still there');
    }, 20);
    return false;
  } catch {
    return true;
  }
}

/** Again and again, every 50 ms. @throws what it threw last */
function patiently(attempt: () => void, most = 200): void {
  for (let tries = 1; ; tries++) {
    try {
      attempt();
      return;
    } catch (e) {
      if (tries >= most) throw e;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

function mountsBelow(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mounted) => mounted === path || mounted.startsWith(`${path}/`))
    .reverse();
}

function sh(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
