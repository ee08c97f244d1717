import { posix } from 'node:path';
import { invalidParameter } from '../../core/errors.ts';
import type { ContainerConfig, HostConfig, MountPoint, MountRequest } from '../../core/wire/container.ts';
import { requestFailed } from '../errors.ts';
import { parseSize } from './log-drivers.ts';

/** One place in a container that is not its root file system, decided. */
export type ContainerMount =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly recursive: boolean;
      /** Whether what is mounted below a read-only source is read-only too; not given: yes. `forced`: also if nothing is yet. */
      readonly readOnlyBelow?: 'no' | 'forced';
      readonly propagation: string;
      /** The user said so; it is not the default. */
      readonly isPropagationGiven?: true;
      readonly mode: string;
      /** A missing source becomes a directory when the container starts (`Binds`), instead of being refused (`Mounts`). */
      readonly createSource: boolean;
    }
  | {
      readonly kind: 'volume';
      readonly name: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly mode: string;
      /** Goes with the container (`rm -v`, `--rm`). */
      readonly anonymous: boolean;
      readonly subpath: string;
    }
  | {
      readonly kind: 'image';
      /** As it was asked for. */
      readonly reference: string;
      /** `''` in a plan. */
      readonly imageId: string;
      /** The snapshot that is mounted; `''` in a plan. */
      readonly key: string;
      readonly target: string;
      readonly readOnly: true;
      readonly subpath: string;
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: string;
      readonly options: readonly string[];
      readonly readOnly: boolean;
      /** From `Mounts`: inspect shows it. */
      readonly listed: boolean;
    };

/** A mount as asked for: volumes may have no name yet, and say how they come to be. */
export type MountPlan =
  | Exclude<ContainerMount, { readonly kind: 'volume' }>
  | (Extract<ContainerMount, { readonly kind: 'volume' }> & {
      readonly copyUp: boolean;
      readonly driver: string;
      readonly labels: Readonly<Record<string, string>> | null;
      readonly options: Readonly<Record<string, string>> | null;
    });

const PROPAGATIONS = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);
const bad = (message: string) => invalidParameter({ message });

/**
 * Every mount of a new container: those of other containers (`inherited`, from `VolumesFrom`), then `Binds`, `Mounts`,
 * `Tmpfs`, and an anonymous volume for each remaining path of `Config.Volumes`. A later one replaces an inherited one at the
 * same target; two of one request at one target are refused. Pure. Parents come before children.
 * @throws {WharfError} `INVALID_PARAMETER`, `REQUEST_FAILED`, worded as Docker's
 */
export function planMounts(
  config: ContainerConfig,
  host: HostConfig,
  inherited: readonly ContainerMount[],
): MountPlan[] {
  const plans = new Map<string, MountPlan>();
  for (const mount of inherited) {
    plans.set(
      mount.target,
      mount.kind === 'volume' ? { ...mount, copyUp: false, driver: '', labels: null, options: null } : mount,
    );
  }
  const own = new Set<string>();
  const add = (plan: MountPlan) => {
    if (own.has(plan.target)) throw bad(`Duplicate mount point: ${plan.target}`);
    own.add(plan.target);
    plans.set(plan.target, plan);
  };
  for (const text of host.Binds ?? []) add(parseBind(text, host.VolumeDriver ?? ''));
  for (const request of host.Mounts ?? []) add(parseMount(request));
  for (const [target, options] of Object.entries(host.Tmpfs ?? {})) {
    add({
      kind: 'tmpfs',
      target: cleanTarget(target, ''),
      options: checkedTmpfs(options.split(',').filter(Boolean)),
      readOnly: false,
      listed: false,
    });
  }
  for (const path of Object.keys(config.Volumes ?? {})) {
    const target = cleanTarget(path.includes(':') ? (path.split(':')[1] ?? path) : path, 'volume');
    if (plans.has(target)) continue;
    add(anonymousVolume(target, host.VolumeDriver ?? ''));
  }
  return [...plans.values()].sort((a, b) => depth(a.target) - depth(b.target));
}

/**
 * A bind of the data root, or of what holds it, brings the mounts of all containers with it: it must let go of them when they
 * go. @throws {WharfError} `INVALID_PARAMETER` if it was told not to
 */
export function besideDataRoot(plan: MountPlan, dataRoot: string): MountPlan {
  if (plan.kind !== 'bind') return plan;
  const { source, propagation, isPropagationGiven = false } = plan;
  const contains = (outer: string, inner: string) => `${inner}/`.startsWith(outer === '/' ? '/' : `${outer}/`);
  if (!contains(dataRoot, source) && !contains(source, dataRoot)) return plan;
  if (!isPropagationGiven) return { ...plan, propagation: 'rslave' };
  if (propagation === 'rslave' || propagation === 'rshared') return plan;
  throw bad(
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "${dataRoot}", bind mount source: "${source}", propagation: "${propagation}"`,
  );
}

const MODE_KINDS: readonly (readonly string[])[] = [
  ['ro', 'rw'],
  ['z', 'Z'],
  ['nocopy'],
  ['consistent', 'cached', 'delegated'],
  [...PROPAGATIONS],
];

/** `src:dst[:mode]`, `/dst`. */
function parseBind(text: string, driver: string): MountPlan {
  const parts = text.split(':');
  const invalid = () => requestFailed({ message: `invalid volume specification: '${text}'` });
  if (parts.length > 3 || parts.some((p) => p === '')) throw invalid();
  if (parts.length === 1) return anonymousVolume(cleanTarget(text, 'volume'), driver);
  const [source = '', destination = '', mode = ''] = parts;
  if (!destination.startsWith('/')) throw invalid();
  if (posix.normalize(destination).replace(/\/+$/, '') === '') {
    throw requestFailed({
      message: `invalid volume specification: '${text}': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
    });
  }
  const target = cleanTarget(destination, source.startsWith('/') ? 'bind' : 'volume');
  const words = mode.split(',').filter(Boolean);
  let propagation = '';
  let readOnly = false;
  let copyUp = true;
  // Of each kind one: what two of them mean together nobody could say.
  if (MODE_KINDS.some((kind) => words.filter((word) => kind.includes(word)).length > 1)) {
    throw requestFailed({ message: `invalid mode: ${mode}` });
  }
  for (const word of words) {
    if (word === 'ro') readOnly = true;
    else if (word === 'nocopy') copyUp = false;
    else if (PROPAGATIONS.has(word)) propagation = word;
    else if (!['rw', 'z', 'Z', 'consistent', 'cached', 'delegated'].includes(word)) {
      throw requestFailed({ message: `invalid mode: ${mode}` });
    }
  }
  if (source.startsWith('/')) {
    return {
      kind: 'bind',
      source: cleanSource(source),
      target,
      readOnly,
      recursive: true,
      propagation: propagation || 'rprivate',
      ...(propagation === '' ? {} : { isPropagationGiven: true }),
      mode,
      createSource: true,
    };
  }
  if (propagation !== '') {
    throw requestFailed({
      message: `invalid volume specification: '${text}': invalid mount config for type "volume": field BindOptions must not be specified`,
    });
  }
  const shown = mode === '' ? 'z' : mode;
  return {
    kind: 'volume',
    name: source,
    target,
    readOnly,
    mode: shown,
    anonymous: false,
    subpath: '',
    copyUp,
    driver,
    labels: null,
    options: null,
  };
}

function parseMount(request: MountRequest): MountPlan {
  const kind: string = request.Type;
  const refuse = (why: string) => bad(`invalid mount config for type "${kind}": ${why}`);
  if (!['bind', 'volume', 'tmpfs', 'image'].includes(kind)) throw refuse('mount type unknown');
  for (const [field, owner] of [
    ['BindOptions', 'bind'],
    ['VolumeOptions', 'volume'],
    ['TmpfsOptions', 'tmpfs'],
    ['ImageOptions', 'image'],
  ] as const) {
    if (request[field] !== undefined && owner !== kind)
      throw bad(`${field} must not be specified on mount type "${kind}"`);
  }
  if (!request.Target) throw refuse('field Target must not be empty');
  const target = cleanTarget(request.Target, kind);
  const readOnly = request.ReadOnly ?? false;
  if (kind === 'bind') {
    if (!request.Source) throw refuse('field Source must not be empty');
    if (!request.Source.startsWith('/')) {
      throw refuse(`invalid mount path: '${request.Source}' mount path must be absolute`);
    }
    const propagation = request.BindOptions?.Propagation ?? '';
    if (propagation !== '' && !PROPAGATIONS.has(propagation)) throw refuse(`invalid propagation mode: ${propagation}`);
    const below = readOnlyBelow(request, refuse);
    return {
      kind: 'bind',
      ...(below === undefined ? {} : { readOnlyBelow: below }),
      source: cleanSource(request.Source),
      target,
      readOnly,
      recursive: !request.BindOptions?.NonRecursive,
      propagation: propagation || 'rprivate',
      ...(propagation === '' ? {} : { isPropagationGiven: true }),
      mode: '',
      createSource: request.BindOptions?.CreateMountpoint ?? false,
    };
  }
  if (kind === 'volume') {
    const options = request.VolumeOptions;
    const subpath = options?.Subpath ?? '';
    if (subpath.startsWith('/') || posix.normalize(subpath).startsWith('..')) {
      throw refuse('subpath must be a relative path within the volume');
    }
    return {
      kind: 'volume',
      name: request.Source ?? '',
      target,
      readOnly,
      mode: 'z',
      anonymous: !request.Source,
      subpath,
      copyUp: !options?.NoCopy && subpath === '',
      driver: options?.DriverConfig?.Name ?? '',
      labels: options?.Labels ?? null,
      options: options?.DriverConfig?.Options ?? null,
    };
  }
  if (kind === 'image') {
    if (!request.Source) throw refuse('field Source must not be empty');
    const subpath = request.ImageOptions?.Subpath ?? '';
    return { kind: 'image', reference: request.Source, imageId: '', key: '', target, readOnly: true, subpath };
  }
  if (request.Source) throw refuse('field Source must not be specified');
  const tmpfs = request.TmpfsOptions;
  return {
    kind: 'tmpfs',
    target,
    readOnly,
    listed: true,
    options: checkedTmpfs([
      ...(tmpfs?.SizeBytes ? [`size=${tmpfs.SizeBytes}`] : []),
      ...(tmpfs?.Mode ? [`mode=${tmpfs.Mode.toString(8)}`] : []),
      ...(tmpfs?.Options ?? []).map((option) => option.join('=')),
      ...(readOnly ? ['ro'] : []),
    ]),
  };
}

function readOnlyBelow(
  { ReadOnly, BindOptions: options = {} }: MountRequest,
  refuse: (why: string) => Error,
): 'no' | 'forced' | undefined {
  const { ReadOnlyNonRecursive, ReadOnlyForceRecursive, NonRecursive, Propagation } = options;
  for (const [name, isSet] of Object.entries({ ReadOnlyNonRecursive, ReadOnlyForceRecursive })) {
    if (isSet && !ReadOnly) throw refuse(`mount options conflict: !ReadOnly && BindOptions.${name}`);
  }
  if (ReadOnlyForceRecursive) {
    if (ReadOnlyNonRecursive) {
      throw refuse('mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive');
    }
    if (NonRecursive) throw refuse('mount options conflict: NonRecursive && BindOptions.ReadOnlyForceRecursive');
    if (Propagation && Propagation !== 'rprivate') {
      throw refuse('BindOptions.ReadOnlyForceRecursive needs the propagation "rprivate"');
    }
    return 'forced';
  }
  return ReadOnlyNonRecursive ? 'no' : undefined;
}

function anonymousVolume(target: string, driver: string): MountPlan {
  return {
    kind: 'volume',
    name: '',
    target,
    readOnly: false,
    mode: '',
    anonymous: true,
    subpath: '',
    copyUp: true,
    driver,
    labels: null,
    options: null,
  };
}

const TMPFS_FLAGS = new Set(
  'defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync mand nomand atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime private rprivate shared rshared slave rslave unbindable runbindable'.split(
    ' ',
  ),
);
const TMPFS_VALUES =
  /^(size|nr_blocks)=\d+(\.\d+)?[kmgtp%]?(i?b)?$|^nr_inodes=\d+[kmg]?$|^mode=[0-7]{1,5}$|^[ug]id=\d+$|^mpol=[\w:,=-]+$/i;

/** @throws {WharfError} `INVALID_PARAMETER` at what tmpfs(5) does not know */
function checkedTmpfs(options: readonly string[]): readonly string[] {
  for (const option of options) {
    if (!TMPFS_FLAGS.has(option) && !TMPFS_VALUES.test(option)) {
      throw bad(`invalid tmpfs option ${JSON.stringify(option)}`);
    }
  }
  return options;
}

/** Docker's base options for a tmpfs with the user's on top: a word replaces its opposite, a `key=` the same key. */
export function tmpfsOptions(own: readonly string[]): string[] {
  const options = new Map<string, string>([
    ['exec', 'noexec'],
    ['suid', 'nosuid'],
    ['dev', 'nodev'],
  ]);
  for (const option of own) {
    const [key = '', value] = option.split('=', 2);
    const bare = key.replace(/^no(?=exec|suid|dev)/, '');
    if (key === 'size' && value !== undefined && !value.endsWith('%')) {
      options.set(key, `size=${parseSize(value)}`);
    } else options.set(bare, option);
  }
  return [...options.values()];
}

/** `Mounts` of inspect and list. `dataPath`: where a volume's data is on the host. */
export function wireMounts(mounts: readonly ContainerMount[], dataPath: (volume: string) => string): MountPoint[] {
  return mounts.flatMap((m): MountPoint[] => {
    switch (m.kind) {
      case 'bind':
        return [
          {
            Type: 'bind',
            Source: m.source,
            Destination: m.target,
            Mode: m.mode,
            RW: !m.readOnly,
            Propagation: m.propagation,
          },
        ];
      case 'volume':
        return [
          {
            Type: 'volume',
            Name: m.name,
            Source: dataPath(m.name),
            Destination: m.target,
            Driver: 'local',
            Mode: m.mode,
            RW: !m.readOnly,
            Propagation: '',
          },
        ];
      case 'image':
        return [{ Type: 'image', Source: m.reference, Destination: m.target, Mode: '', RW: false, Propagation: '' }];
      case 'tmpfs':
        if (!m.listed) return [];
        return [{ Type: 'tmpfs', Source: '', Destination: m.target, Mode: '', RW: !m.readOnly, Propagation: '' }];
    }
  });
}

function cleanTarget(path: string, kind: string): string {
  // A path of `Tmpfs`, which has no config.
  if (!path.startsWith('/') && kind === '') throw bad(`invalid mount path: '${path}' mount path must be absolute`);
  if (!path.startsWith('/')) {
    throw bad(`invalid mount config for type "${kind}": invalid mount path: '${path}' mount path must be absolute`);
  }
  const clean = posix.normalize(path).replace(/\/+$/, '');
  if (clean === '')
    throw bad(`invalid mount config for type "${kind}": invalid specification: destination can't be '/'`);
  return clean;
}

function cleanSource(path: string): string {
  return posix.normalize(path).replace(/(?!^)\/+$/, '');
}

function depth(path: string): number {
  return path.split('/').length;
}
