import { chmodSync, lchownSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type IdMaps, rootOf, toHost } from '../../core/id-map.ts';
import { invalidParameter } from '../../core/errors.ts';
import type { HostConfig } from '../../core/wire/container.ts';
import type { UserNamespaceChoice } from '../../network/index.ts';
import { StartError } from '../errors.ts';
import { containerDirectory, type Context } from './context.ts';
import { namespaceOwner } from './endpoints.ts';
import type { ContainerRecord } from './record.ts';
import { specOf } from './running-spec.ts';

/** What a container's user namespace will be. */
export interface MappedUsers {
  readonly maps: IdMaps;
  /** The one that it gets: a new one, or that of the containers whose namespaces it joins. */
  readonly choice: UserNamespaceChoice;
}

/** Whether users of a container are others on the host: the daemon maps them, and the container has not said otherwise. */
function areMapped(ctx: Context, host: HostConfig): boolean {
  return ctx.options.idMaps !== undefined && host.UsernsMode !== 'host';
}

/** What a container with mapped users cannot have. @throws {WharfError} `INVALID_PARAMETER`, worded as Docker's */
export function checkMappedUsers(ctx: Context, host: HostConfig): void {
  if (!areMapped(ctx, host)) return;
  const refuse = (message: string) =>
    invalidParameter({ message }, { hint: 'this daemon maps users (userns-remap); --userns=host leaves that out' });
  if (host.Privileged) {
    throw refuse(
      'privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode',
    );
  }
  if (host.NetworkMode === 'host') {
    throw refuse("cannot share the host's network namespace when user namespaces are enabled");
  }
  if (host.PidMode === 'host') throw refuse('cannot share the host PID namespace when user namespaces are enabled');
  // Docker creates such a container, which cannot start: the host's message queues belong to another user namespace.
  if (host.IpcMode === 'host') throw refuse("cannot share the host's IPC namespace when user namespaces are enabled");
}

/**
 * The user namespace for a container that is about to start; `undefined`: the host's. Who joins namespaces of another
 * container is in its user namespace too, as these belong to it. @throws {StartError}
 */
export function mappedUsers(ctx: Context, record: ContainerRecord): MappedUsers | undefined {
  const { idMaps: maps } = ctx.options;
  const { hostConfig: host } = record;
  if (maps === undefined || !areMapped(ctx, host)) return undefined;
  let joined: { readonly path: string; readonly of: string } | undefined;
  for (const [mode, what] of [
    [host.NetworkMode, 'network'],
    [host.IpcMode, 'IPC'],
    [host.PidMode, 'PID'],
  ] as const) {
    if (!mode?.startsWith('container:')) continue;
    const owner = namespaceOwner(ctx, mode.slice('container:'.length), what);
    if (mapsOf(ctx, owner) === undefined) {
      throw new StartError(
        'invalid',
        `cannot join ${what} namespace of container ${owner.name}: it is in the host's user namespace, this one is not (give it --userns=host)`,
        128,
      );
    }
    const path = `/proc/${owner.pid}/ns/user`;
    if (joined !== undefined && readlinkSync(joined.path) !== readlinkSync(path)) {
      throw new StartError(
        'invalid',
        `cannot join namespaces of containers ${joined.of} and ${owner.name}: they are in different user namespaces`,
        128,
      );
    }
    joined = { path, of: owner.name };
  }
  return { maps, choice: joined === undefined ? maps : { path: joined.path } };
}

/** A user who has no ID on the host cannot be. @throws {StartError} */
export function checkUser({ uids, gids }: IdMaps, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  for (const [what, ranges, id] of [
    ['user', uids, uid],
    ['group', gids, gid],
  ] as const) {
    if (toHost(ranges, id) !== undefined) continue;
    const count = ranges.reduce((sum, range) => sum + range.size, 0);
    throw new StartError(
      'invalid',
      `${what} ${id} has no ID on the host: userns-remap gives containers 0 to ${count - 1}`,
      128,
    );
  }
}

/** For a container without a network namespace of its own: it has joined one, and with it the user namespace. */
export function joinedUserNamespace({ choice }: MappedUsers): Disposable & { readonly path: string } {
  if (!('path' in choice)) throw new Error('a container without network namespace');
  return { path: choice.path, [Symbol.dispose]: () => undefined };
}

/** How the users of a running container are mapped; `undefined`: they are the host's. */
export function mapsOf(ctx: Context, record: ContainerRecord): IdMaps | undefined {
  const { uidMappings, gidMappings } = specOf(ctx, record).linux ?? {};
  if (uidMappings === undefined || gidMappings === undefined) return undefined;
  const ranges = (mappings: typeof uidMappings) =>
    mappings.map(({ containerID, hostID, size }) => ({ containerId: containerID, hostId: hostID, size }));
  return { uids: ranges(uidMappings), gids: ranges(gidMappings) };
}

/** The files below /etc that the engine writes are the container's root's, who may change them; he may have been another before. */
export function giveEtcFiles(ctx: Context, record: ContainerRecord, users: MappedUsers | undefined): void {
  if (users === undefined && record.mapped !== true) return;
  const directory = containerDirectory(ctx, record.id);
  const owner = users === undefined ? { uid: 0, gid: 0 } : rootOf(users.maps);
  lchownSync(directory, 0, owner.gid);
  chmodSync(directory, 0o710);
  for (const name of ['hosts', 'hostname', 'resolv.conf']) lchownSync(join(directory, name), owner.uid, owner.gid);
}
