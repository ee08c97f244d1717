import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { invalidParameter, messageOf } from '../../core/errors.ts';
import { newId, shortId } from '../../core/ids.ts';
import { formatPlatform, hostPlatform } from '../../core/platform.ts';
import type { ContainerConfig, HostConfig } from '../../core/wire/container.ts';
import type { NetworkingConfig } from '../../core/wire/network.ts';
import type { Image } from '../contract.ts';
import { imageOfOtherPlatform } from '../errors.ts';
import { plannedAttachments } from './attachments.ts';
import type { Context } from './context.ts';
import { containerDirectory, publish } from './context.ts';
import { hostnameOf } from './etc.ts';
import { withDefaults } from './host-config.ts';
import { possibleLimits, readLimitFacts } from './limits.ts';
import { parseLink } from './links.ts';
import { checkLogExpressions } from './log-attributes.ts';
import { logSettings } from './log-drivers.ts';
import { argvOf, mergeConfig } from './merge-config.ts';
import type { ContainerMount, MountPlan } from './mounts.ts';
import { besideDataRoot, planMounts } from './mounts.ts';
import { checkName, randomName } from './names.ts';
import { exposedPorts, portRequests } from './ports.ts';
import type { ContainerRecord } from './record.ts';
import { resolveInRoot } from './rootfs-path.ts';
import { findInit } from './spec-input.ts';
import { checkMappedUsers } from './user-namespace.ts';
import { prepareWorkingDirectory } from './working-directory.ts';
import { nowRfc3339 } from './time.ts';
import { checkConfig, checkEnvironment, checkHostConfig } from './validate.ts';
import { checkNames, refuseNul } from './validate-texts.ts';

export interface CreateRequest {
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly networking: NetworkingConfig;
}

/**
 * Makes a container: its record, its root on top of the image, its volumes filled from the image. Everything is checked
 * before anything is taken; failed, it leaves nothing. @throws {WharfError} worded as Docker's
 */
export async function create(
  ctx: Context,
  request: CreateRequest,
): Promise<{ readonly id: string; readonly warnings: string[] }> {
  // Mostly the start follows at once.
  ctx.options.runtime.anticipate(true);
  refuseNul({ ...request.config, HostConfig: request.hostConfig, NetworkingConfig: request.networking });
  checkEnvironment(request.config.Env ?? []);
  checkNames(request.config, request.hostConfig);
  const image = request.config.Image ? ctx.images.get(request.config.Image) : undefined;
  checkPlatform(request, image);
  const config = mergeConfig(request.config, image?.config.config);
  checkConfig(config);
  if (argvOf(config).length === 0) throw invalidParameter({ message: 'no command specified' });
  const cgroupns = ctx.options.runtime.info().cgroupMode === 'v2' ? 'private' : 'host';
  const { host, warnings } = possibleLimits(
    withDefaults(
      config.NetworkDisabled ? { ...request.hostConfig, NetworkMode: 'none' } : request.hostConfig,
      cgroupns,
      ctx.options.defaults,
    ),
    readLimitFacts(ctx.options.runtime.info()),
  );
  checkHostConfig(host, request.config);
  checkMappedUsers(ctx, host);
  checkRuntime(ctx, host);
  for (const mode of [host.PidMode, host.IpcMode]) {
    if (mode?.startsWith('container:')) sourceOf(ctx, mode.slice('container:'.length));
  }
  logSettings(host);
  checkLogExpressions(host);
  exposedPorts(config, host);
  portRequests(config, host);
  const plans = planMounts(config, host, inheritedMounts(ctx, host)).map((plan) =>
    besideDataRoot(plan, ctx.options.dataRoot),
  );
  checkBindSources(plans);
  for (const plan of plans) if (plan.kind === 'image') ctx.images.get(plan.reference);
  const attachments = plannedAttachments(ctx.book, config, host, request.networking);
  for (const text of host.Links ?? []) checkLink(ctx, text);

  const id = newId();
  const name = request.name ? checkName(request.name) : randomName((n) => ctx.store.isNameTaken(n), shortId(id));
  using _reservation = ctx.store.reserveName(name, id);

  await using undo = new AsyncDisposableStack();
  undo.defer(() => ctx.options.storage.snapshots.remove(id));
  await ctx.options.storage.snapshots.prepare(id, image?.chain.at(-1) ?? null);
  const directory = containerDirectory(ctx, id);
  undo.defer(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(directory, { recursive: true, mode: 0o710 });
  const mounts = await makeVolumes(ctx, id, plans, undo, newWorkingDirectory(request.config, image));

  const record: ContainerRecord = {
    id,
    name,
    createdAt: nowRfc3339(),
    imageId: image?.id ?? '',
    config: { ...completed(config), Hostname: config.Hostname || defaultHostname(id, host) },
    hostConfig: {
      ...host,
      Links: host.Links?.map((text) => shownLink(ctx, name, text)) ?? null,
      PortBindings: host.PortBindings ?? {},
    },
    mounts,
    attachments,
    ports: [],
    state: { kind: 'created', failure: null },
    restartCount: 0,
    restartDelayMs: 0,
    manuallyStopped: false,
    restartCancelled: false,
  };
  ctx.store.put(record);
  undo.move();
  publish(ctx, record, 'create');
  await ctx.options.storage.db.synced(); // who is told its ID finds it again, whatever happens to the machine
  ctx.ahead.begin(id);
  return { id, warnings: [...platformWarnings(request, image), ...warnings, ...warningsFor(host)] };
}

function defaultHostname(id: string, host: HostConfig): string {
  const mode = host.NetworkMode ?? '';
  if (mode.startsWith('container:')) return '';
  return mode === 'host' || host.UTSMode === 'host'
    ? hostnameOf({ config: {}, hostConfig: { NetworkMode: 'host' } } as ContainerRecord)
    : shortId(id);
}

function cleanPath(path: string): string {
  return path === '' ? '' : posix.normalize(path).replace(/(?!^)\/+$/, '');
}

/** The fields that inspect always shows, and those that were set, in Docker's order. */
function completed(config: ContainerConfig): ContainerConfig {
  const set = <K extends keyof ContainerConfig>(key: K): Pick<ContainerConfig, K> | object =>
    config[key] === undefined ? {} : { [key]: config[key] };
  return {
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    ...set('ExposedPorts'),
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    Env: config.Env?.length ? config.Env : null,
    Cmd: config.Cmd ?? null,
    ...set('Healthcheck'),
    Image: config.Image ?? '',
    Volumes: config.Volumes ?? null,
    WorkingDir: cleanPath(config.WorkingDir ?? ''),
    Entrypoint: config.Entrypoint ?? null,
    ...set('NetworkDisabled'),
    ...set('MacAddress'),
    OnBuild: null,
    Labels: config.Labels ?? {},
    ...set('StopSignal'),
    ...set('StopTimeout'),
    ...set('Shell'),
  };
}

/** @throws {WharfError} `IMAGE_NOT_FOUND` if the image is for another machine than asked for, `INVALID_PARAMETER` */
function checkPlatform({ platform, config }: CreateRequest, image: Image | undefined): void {
  if (platform === undefined) return;
  const match = /^(?:([a-z0-9]+)\/)?([a-z0-9_]+)(?:\/([a-z0-9]+))?$/.exec(platform);
  if (match === null) throw invalidParameter({ message: `"${platform}": unknown operating system or architecture` });
  if (image === undefined || platform === 'linux') return;
  const [, os = 'linux', architecture = '', variant] = match;
  const own = image.config;
  const known = ARCHITECTURES[architecture] ?? architecture;
  if (os === own.os && known === own.architecture && (variant === undefined || (own.variant ?? variant) === variant)) {
    return;
  }
  throw imageOfOtherPlatform({
    reference: config.Image ?? '',
    has: [own.os, own.architecture, own.variant].filter(Boolean).join('/'),
    asked: platform,
  });
}

/** Said when an image is for another machine and nobody asked for that: its programs may not run here. */
function platformWarnings({ platform }: CreateRequest, image: Image | undefined): string[] {
  const host = hostPlatform();
  if (!image || platform !== undefined) return [];
  const { os, architecture, variant } = image.config;
  if (os === host.os && architecture === host.architecture) return [];
  return [
    `The requested image's platform (${formatPlatform({ os, architecture, variant })}) does not match the detected host platform (${formatPlatform(host)}) and no specific platform was requested`,
  ];
}

/** Other names of what OCI calls it. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  i386: '386',
};

function checkRuntime(ctx: Context, host: HostConfig): void {
  if (!host.Runtime) return;
  if (ctx.options.runtime.info().candidates.some((c) => c.name === host.Runtime && c.works)) return;
  throw invalidParameter({ message: `unknown or invalid runtime name: ${host.Runtime}` });
}

function checkBindSources(plans: readonly MountPlan[]): void {
  for (const plan of plans) {
    if (plan.kind === 'bind' && !plan.createSource && !existsSync(plan.source)) {
      throw invalidParameter({
        message: `invalid mount config for type "bind": bind source path does not exist: ${plan.source}`,
      });
    }
  }
}

/** Mounts of the containers named in `VolumesFrom`. @throws {WharfError} `INVALID_PARAMETER` */
function inheritedMounts(ctx: Context, host: HostConfig): ContainerMount[] {
  return (host.VolumesFrom ?? []).flatMap((text) => {
    const [ref = '', mode = 'rw'] = text.split(':', 2);
    if (ref === '') throw invalidParameter({ message: 'volumes-from specification cannot be an empty string' });
    if (!['ro', 'rw', 'z', 'Z'].includes(mode)) throw invalidParameter({ message: `invalid mode: ${mode}` });
    return sourceOf(ctx, ref)
      .mounts.filter((m) => m.kind === 'bind' || m.kind === 'volume')
      .map((m) => ({ ...m, readOnly: m.readOnly || mode === 'ro' }));
  });
}

/** Docker blames the request for a container that is not there. @throws {WharfError} `INVALID_PARAMETER` */
function sourceOf(ctx: Context, ref: string): ContainerRecord {
  try {
    return ctx.store.lookup(ref);
  } catch (cause) {
    throw invalidParameter({ message: messageOf(cause) }, { cause });
  }
}

function checkLink(ctx: Context, text: string): void {
  const { target } = parseLink(text);
  try {
    ctx.store.lookup(target);
  } catch (cause) {
    throw invalidParameter({ message: `could not get container for ${target}: ${messageOf(cause)}` }, { cause });
  }
}

function shownLink(ctx: Context, name: string, text: string): string {
  const link = parseLink(text);
  return `/${ctx.store.lookup(link.target).name}:/${name}/${link.alias}`;
}

/**
 * Makes the volumes that are not there and fills empty ones from the image, and a working directory that the image lacks;
 * anonymous volumes go again if a later step fails.
 */
async function makeVolumes(
  ctx: Context,
  id: string,
  plans: readonly MountPlan[],
  undo: AsyncDisposableStack,
  workingDirectory: string | undefined,
): Promise<ContainerMount[]> {
  const { snapshots, volumes } = ctx.options.storage;
  const mounts: ContainerMount[] = [];
  const toFill: { readonly name: string; readonly target: string }[] = [];
  for (const plan of plans) {
    if (plan.kind === 'image') {
      const image = ctx.images.get(plan.reference);
      const key = `${id}-image-${mounts.length}`;
      undo.defer(() => snapshots.remove(key));
      await snapshots.prepare(key, image.chain.at(-1) ?? null);
      mounts.push({ ...plan, imageId: image.id, key });
      continue;
    }
    if (plan.kind !== 'volume') {
      mounts.push(plan);
      continue;
    }
    const { copyUp, driver, labels, options, ...mount } = plan;
    const existing = plan.name === '' ? undefined : volumes.find(plan.name);
    const name =
      existing?.name ??
      (await ctx.volumes.create({ Name: plan.name, Driver: driver, Labels: labels, DriverOpts: options })).Name;
    if (plan.anonymous && existing === undefined) undo.defer(() => ctx.volumes.remove(name, true));
    mounts.push({ ...mount, name });
    if (copyUp) toFill.push({ name, target: plan.target });
  }
  if (toFill.length === 0 && workingDirectory === undefined) return mounts;
  const root = await snapshots.mount(id);
  try {
    if (workingDirectory !== undefined && !mounts.some((m) => isWithin(workingDirectory, m.target))) {
      prepareWorkingDirectory(root, workingDirectory);
    }
    for (const { name, target } of toFill) {
      const source = resolveInRoot(root, target);
      if (statSync(source, { throwIfNoEntry: false })?.isDirectory()) await volumes.copyUp(name, source);
    }
  } finally {
    await snapshots.unmount(id);
  }
  return mounts;
}

/** The working directory, if it is not the image's own, which has been there all along. */
function newWorkingDirectory({ WorkingDir = '' }: ContainerConfig, image: Image | undefined): string | undefined {
  const isKnown = WorkingDir === '' || WorkingDir === '/' || WorkingDir === image?.config.config?.WorkingDir;
  return isKnown ? undefined : WorkingDir;
}

function isWithin(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}/`);
}

function warningsFor(host: HostConfig): string[] {
  const warnings: string[] = [];
  if (host.NetworkMode === 'host' && Object.keys(host.PortBindings ?? {}).length > 0) {
    warnings.push('Published ports are discarded when using host network mode');
  }
  if (host.Init === true && findInit() === undefined) {
    warnings.push(
      'No init program was found on this host (docker-init or tini-static): the container runs without one',
    );
  }
  return warnings;
}
