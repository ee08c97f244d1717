import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { invalidParameter } from '../../core/errors.ts';
import { majorOf, minorOf } from '../../linux/index.ts';
import { noSuchDevice } from '../errors.ts';
import type { OciDeviceRule, OciLinux } from './oci-spec.ts';

export type OciDevice = NonNullable<OciLinux['devices']>[number];

/** What every container may touch (runtime-spec, config-linux.md, default devices); all else is denied first. */
export const DEFAULT_DEVICE_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' }, // zero
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }, // null
  { allow: true, type: 'c', major: 1, minor: 9, access: 'rwm' }, // urandom
  { allow: true, type: 'c', major: 1, minor: 8, access: 'rwm' }, // random
  { allow: true, type: 'c', major: 1, minor: 7, access: 'rwm' }, // full
  { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' }, // tty
  { allow: true, type: 'c', major: 5, minor: 1, access: 'rwm' }, // console
  { allow: true, type: 'c', major: 5, minor: 2, access: 'rwm' }, // ptmx
  { allow: true, type: 'c', major: 136, access: 'rwm' }, // pts/*
  // A node may be made of any device, only not opened.
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
];

/** `--device`: the node itself, or all nodes below a directory. @throws {WharfError} `INVALID_PARAMETER` */
export function hostDevices(request: {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly permissions: string;
}): { readonly devices: OciDevice[]; readonly rules: OciDeviceRule[] } {
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(request.hostPath);
  } catch (e) {
    throw notADevice(request.hostPath, e);
  }
  const found = stat?.isDirectory()
    ? listDevices(request.hostPath, request.containerPath)
    : [deviceAt(request.hostPath, request.containerPath)].filter((device) => device !== undefined);
  if (found.length === 0) throw notADevice(request.hostPath, undefined);
  return { devices: found, rules: found.map((device) => ruleFor(device, request.permissions || 'rwm')) };
}

/** Every node in the host's /dev that is not a terminal's or in a mount of its own: what `--privileged` gets. */
export function allDevices(): OciDevice[] {
  return listDevices('/dev', '/dev');
}

/** A line like `c 1:3 rwm` or `b *:* m`. @throws {WharfError} `INVALID_PARAMETER` */
export function parseDeviceRule(line: string): OciDeviceRule {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(line);
  if (match === null) throw invalidParameter({ message: `invalid device cgroup rule format: '${line}'` });
  const [, type = 'a', major, minor, access = ''] = match;
  return {
    allow: true,
    type,
    access,
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
  };
}

/** Made by the runtime or mounted over in each container. */
const OWN = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', '.lxc', '.lxd-mounts', '.udev']);

function listDevices(directory: string, target: string): OciDevice[] {
  const found: OciDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (OWN.has(entry.name)) continue;
    const from = join(directory, entry.name);
    const to = join(target, entry.name);
    if (entry.isDirectory()) found.push(...listDevices(from, to));
    else if (entry.isCharacterDevice() || entry.isBlockDevice()) {
      const device = deviceAt(from, to);
      if (device !== undefined) found.push(device);
    }
  }
  return found;
}

function deviceAt(path: string, target: string): OciDevice | undefined {
  let stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isSymbolicLink()) stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !(stat.isCharacterDevice() || stat.isBlockDevice())) return undefined;
  return {
    type: stat.isBlockDevice() ? 'b' : 'c',
    path: target,
    major: majorOf(stat.rdev),
    minor: minorOf(stat.rdev),
    fileMode: stat.mode & 0o777,
    uid: stat.uid,
    gid: stat.gid,
  };
}

function ruleFor(device: OciDevice, access: string): OciDeviceRule {
  return { allow: true, type: device.type, major: device.major ?? 0, minor: device.minor ?? 0, access };
}

function notADevice(path: string, cause: unknown) {
  return noSuchDevice(
    { path, why: cause === undefined ? 'not a device node' : 'no such file or directory' },
    { cause },
  );
}
