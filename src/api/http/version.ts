import { API_VERSION, MIN_API_VERSION } from '../../core/version.ts';
import { versionTooNew, versionTooOld } from '../errors.ts';

/** `1.44` as `[1, 44]`; anything missing or odd counts as 0. */
function numbers(version: string): readonly [major: number, minor: number] {
  const [major, minor] = version.split('.');
  return [Number(major) || 0, Number(minor) || 0];
}

/** Below 0, 0 or above 0, as for sorting. */
export function compareVersions(a: string, b: string): number {
  const [majorA, minorA] = numbers(a);
  const [majorB, minorB] = numbers(b);
  return majorA - majorB || minorA - minorB;
}

export interface VersionedPath {
  /** The version asked for; the newest if the path has none. */
  readonly version: string;
  readonly path: string;
}

/** Takes `/v1.44` off a path. Whether that version is spoken is another question. */
export function splitVersion(path: string): VersionedPath {
  const match = /^\/v([0-9.]+)(\/.*)$/.exec(path);
  if (match?.[1] === undefined || match[2] === undefined) return { version: API_VERSION, path };
  return { version: match[1], path: match[2] };
}

/** @throws {WharfError} `API_VERSION_TOO_NEW`, `API_VERSION_TOO_OLD` */
export function checkVersion(version: string): void {
  if (compareVersions(version, API_VERSION) > 0) throw versionTooNew({ asked: version, newest: API_VERSION });
  if (compareVersions(version, MIN_API_VERSION) < 0) throw versionTooOld({ asked: version, oldest: MIN_API_VERSION });
}
