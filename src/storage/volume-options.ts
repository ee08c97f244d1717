import { MOUNT_FLAGS } from '../linux/index.ts';
import { invalidVolume } from './errors.ts';

/** How a volume of the local driver comes by its data, where it is not a plain directory: a mount, decided. */
export interface VolumeMount {
  readonly type: string;
  readonly device: string;
  /** `MS_*` flags of the mount itself. */
  readonly flags: number;
  /** `MS_*` flags of a second call that changes how mounts spread; 0: none. */
  readonly propagation: number;
  /** What the file system itself is told. */
  readonly data: string;
}

const KNOWN = ['type', 'device', 'o', 'size'];
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  device: ['type'],
  type: ['device'],
  o: ['device', 'type'],
};

/** Docker's rules for the local driver's options. @throws {WharfError} `INVALID_PARAMETER` */
export function checkVolumeOptions(name: string, options: Readonly<Record<string, string>>): void {
  const refuse = (why: string, hint?: string) => invalidVolume({ why: `create ${name}: ${why}` }, { hint });
  for (const key of Object.keys(options)) {
    if (!KNOWN.includes(key)) throw refuse(`invalid option: ${JSON.stringify(key)}`);
  }
  for (const [key, needed] of Object.entries(NEEDS)) {
    if (options[key] === undefined) continue;
    for (const other of needed) {
      if (options[other] === undefined) throw refuse(`missing required option: ${JSON.stringify(other)}`);
    }
  }
  if (options['size'] !== undefined) {
    throw refuse('quota size requested but no quota support', 'for a tmpfs give the size with o=size=...');
  }
}

/** The mount that options ask for; `undefined`: a plain directory. @throws {WharfError} `INVALID_PARAMETER` */
export function volumeMount(options: Readonly<Record<string, string>> | null): VolumeMount | undefined {
  if (options?.['type'] === undefined || options['device'] === undefined) return undefined;
  let flags = 0;
  let propagation = 0;
  const data: string[] = [];
  for (const word of (options['o'] ?? '').split(',').filter(Boolean)) {
    const spread = MOUNT_FLAGS.propagation[word];
    const set = MOUNT_FLAGS.set[word];
    const cleared = MOUNT_FLAGS.clear[word];
    if (spread !== undefined) propagation = spread;
    else if (set !== undefined) flags |= set;
    else if (cleared !== undefined) flags &= ~cleared;
    else data.push(word);
  }
  return { type: options['type'], device: options['device'], flags, propagation, data: data.join(',') };
}

/** The server's name in the options of a network file system, which the kernel takes only as an address. */
export function serverName({ type, data }: VolumeMount): string | undefined {
  if (!/^(nfs4?|cifs|smb3)$/.test(type)) return undefined;
  return /(?:^|,)addr=([^,]+)/.exec(data)?.[1];
}
