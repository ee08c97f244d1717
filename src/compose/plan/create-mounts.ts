import type { MountRequest } from '../../core/wire/container.ts';
import { isTrue } from '../flags.ts';
import { convertWindowsPath } from '../load/short-volumes.ts';
import type { Project } from '../model/project.ts';
import type { FileReference, ServiceVolume } from '../model/service.ts';
import type { ContainerWish } from './container-wish.ts';
import { optional } from './optional.ts';

/**
 * The volumes, secrets and configs of a container: what the short form can say as `Binds`, the others as `Mounts`.
 * Anonymous volumes of the container that is replaced are carried over. Source: compose.md 3.4.
 */
export function mountsOf(wish: ContainerWish): { binds: string[]; mounts: MountRequest[] } {
  const { definition: service, project } = wish;
  const binds: string[] = [];
  const mounts: MountRequest[] = [];
  const declared = new Set<string>();
  const converts = isTrue(project.environment['COMPOSE_CONVERT_WINDOWS_PATHS']);
  for (const said of service.volumes ?? []) {
    const volume =
      converts && said.type === 'bind' && said.source !== undefined
        ? { ...said, source: convertWindowsPath(said.source) }
        : said;
    const carried =
      volume.type === 'volume' && volume.source === undefined ? carriedOver(volume.target, wish) : undefined;
    declared.add(volume.target);
    if (carried !== undefined)
      mounts.push({ Type: 'volume', Source: carried, Target: volume.target, ReadOnly: volume.read_only ?? false });
    else if (fitsBind(volume))
      binds.push(bindText(volume, volume.type === 'bind' ? (volume.source ?? '') : volumeName(project, volume.source)));
    else mounts.push(mountRequest(volume, project));
  }
  for (const target of wish.image.volumes) {
    if (declared.has(target)) continue;
    const carried = carriedOver(target, wish);
    if (carried !== undefined) mounts.push({ Type: 'volume', Source: carried, Target: target });
  }
  if (service.use_api_socket && wish.apiSocket !== undefined)
    mounts.push({ Type: 'bind', Source: wish.apiSocket, Target: '/var/run/docker.sock' });
  for (const reference of service.secrets ?? []) mounts.push(...fileMount('secrets', reference, wish));
  for (const reference of service.configs ?? []) mounts.push(...fileMount('configs', reference, wish));
  return { binds, mounts };
}

/** The anonymous volume that the replaced container had at this path. */
function carriedOver(target: string, wish: ContainerWish): string | undefined {
  return wish.inherited.find((m) => m.Type === 'volume' && m.Destination === target)?.Name;
}

/** The short form makes a missing folder on the host; the long one can say more, but refuses a missing one. */
function fitsBind(volume: ServiceVolume): boolean {
  if (volume.type === 'volume')
    return volume.source !== undefined && volume.volume?.subpath === undefined && volume.volume?.labels === undefined;
  if (volume.type !== 'bind') return false;
  return volume.bind?.create_host_path !== false && volume.bind?.recursive === undefined;
}

function bindText(volume: ServiceVolume, source: string): string {
  const options = [
    volume.read_only ? 'ro' : 'rw',
    ...(volume.bind?.propagation === undefined ? [] : [volume.bind.propagation]),
    ...(volume.bind?.selinux === undefined ? [] : [volume.bind.selinux]),
    ...(volume.volume?.nocopy ? ['nocopy'] : []),
  ];
  return `${source}:${volume.target}:${options.join(',')}`;
}

function volumeName(project: Project, key: string | undefined): string {
  return (key === undefined ? undefined : project.volumes[key]?.name) ?? `${project.name}_${key ?? ''}`;
}

function mountRequest(volume: ServiceVolume, project: Project): MountRequest {
  const common = {
    Target: volume.target,
    ...optional('ReadOnly', volume.read_only),
    ...optional('Consistency', volume.consistency),
  };
  switch (volume.type) {
    case 'bind':
      return {
        ...common,
        Type: 'bind',
        Source: volume.source ?? '',
        BindOptions: {
          ...optional('Propagation', volume.bind?.propagation),
          CreateMountpoint: volume.bind?.create_host_path ?? true,
          ...(volume.bind?.recursive === 'disabled' ? { NonRecursive: true } : {}),
          ...(volume.bind?.recursive === 'writable' ? { ReadOnlyNonRecursive: true } : {}),
          ...(volume.bind?.recursive === 'readonly' ? { ReadOnlyForceRecursive: true } : {}),
        },
      };
    case 'tmpfs':
      return {
        ...common,
        Type: 'tmpfs',
        TmpfsOptions: { ...optional('SizeBytes', volume.tmpfs?.size), ...optional('Mode', volume.tmpfs?.mode) },
      };
    case 'volume':
      return {
        ...common,
        Type: 'volume',
        ...(volume.source === undefined ? {} : { Source: volumeName(project, volume.source) }),
        VolumeOptions: {
          ...optional('NoCopy', volume.volume?.nocopy),
          ...optional('Subpath', volume.volume?.subpath),
          ...optional('Labels', volume.volume?.labels && { ...volume.volume.labels }),
        },
      };
    default:
      return {
        ...common,
        Type: volume.type,
        ...optional('Source', volume.source),
        ...(volume.image?.subpath === undefined ? {} : { ImageOptions: { Subpath: volume.image.subpath } }),
      };
  }
}

/** Secrets and configs that are files are mounted read-only; others are written into the container before it starts. */
function fileMount(kind: 'secrets' | 'configs', reference: FileReference, wish: ContainerWish): MountRequest[] {
  const definition = wish.project[kind][reference.source];
  if (definition?.file === undefined) return [];
  return [
    { Type: 'bind', Source: definition.file, Target: fileTarget(kind, reference), ReadOnly: true, BindOptions: {} },
  ];
}

/** Where a secret or config appears; a relative secret's target lies below /run/secrets. */
export function fileTarget(kind: 'secrets' | 'configs', reference: FileReference): string {
  const target = reference.target ?? reference.source;
  if (target.startsWith('/')) return target;
  return kind === 'secrets' ? `/run/secrets/${target}` : `/${target}`;
}
