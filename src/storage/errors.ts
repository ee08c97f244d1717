import { defineError } from '../core/errors.ts';

export const digestMismatch = defineError(
  'DIGEST_MISMATCH',
  'invalid',
  (f: { expected: string; actual: string }) =>
    `content does not match its digest: expected ${f.expected}, got ${f.actual}`,
);
export const sizeMismatch = defineError(
  'SIZE_MISMATCH',
  'invalid',
  (f: { expected: number; actual: number }) =>
    `content has the wrong size: expected ${f.expected} bytes, got ${f.actual}`,
);
export const blobNotFound = defineError(
  'BLOB_NOT_FOUND',
  'notFound',
  (f: { digest: string }) => `blob ${f.digest} not found`,
);
export const badLayer = defineError('BAD_LAYER', 'invalid', (f: { why: string }) => f.why);
export const layerNotFound = defineError(
  'LAYER_NOT_FOUND',
  'notFound',
  (f: { chainId: string }) => `layer ${f.chainId} not found`,
);
export const layerInUse = defineError(
  'LAYER_IN_USE',
  'conflict',
  (f: { chainId: string; by: string }) => `layer ${f.chainId} is in use by ${f.by}`,
);
export const maxDepthExceeded = defineError(
  'MAX_DEPTH_EXCEEDED',
  'invalid',
  (f: { layers: number }) => `max depth exceeded: an image cannot have ${f.layers} layers`,
);
export const snapshotExists = defineError(
  'SNAPSHOT_EXISTS',
  'conflict',
  (f: { key: string }) => `snapshot "${f.key}" exists already`,
);
export const snapshotNotFound = defineError(
  'SNAPSHOT_NOT_FOUND',
  'notFound',
  (f: { key: string }) => `snapshot "${f.key}" not found`,
);
export const volumeNotFound = defineError(
  'VOLUME_NOT_FOUND',
  'notFound',
  (f: { name: string }) => `get ${f.name}: no such volume`,
);
export const invalidVolume = defineError('INVALID_PARAMETER', 'invalid', (f: { why: string }) => f.why);
export const volumeMountFailed = defineError(
  'VOLUME_MOUNT_FAILED',
  'internal',
  (f: { path: string; device: string; flags: number; data: string; reason: string }) =>
    `error while mounting volume '${f.path}': failed to mount local volume: mount ${f.device}:${f.path}${
      f.flags === 0 ? '' : `, flags: 0x${f.flags.toString(16)}`
    }${f.data === '' ? '' : `, data: ${f.data}`}: ${f.reason}`,
);
export const volumeStillMounted = defineError(
  'VOLUME_STILL_MOUNTED',
  'conflict',
  (f: { name: string; path: string }) => `remove ${f.name}: its data is still mounted at '${f.path}'`,
);
export const dataRootInUse = defineError(
  'DATA_ROOT_IN_USE',
  'conflict',
  (f: { path: string; owner: string }) => `data root "${f.path}" is in use by another daemon${f.owner}`,
);
export const noSpaceLeft = defineError(
  'NO_SPACE_LEFT',
  'internal',
  (f: { path: string }) => `write ${f.path}: no space left on device`,
);
export const dataRootTooNew = defineError(
  'DATA_ROOT_TOO_NEW',
  'unsupported',
  (f: { path: string; found: number; known: number }) =>
    `data root "${f.path}" was written by a newer version (schema ${f.found}, this one knows ${f.known})`,
);
export const cannotMapIds = defineError(
  'CANNOT_MAP_IDS',
  'unsupported',
  (f: { path: string; kernel: string; reason: string }) =>
    `userns-remap cannot be used: overlays with mapped IDs are not possible below "${f.path}" with kernel ${f.kernel}; Linux 5.19 or newer and a file system that can (ext4, xfs, btrfs, f2fs) are needed (${f.reason})`,
);
export const restrictedToRoot = defineError(
  'RESTRICTED_TO_ROOT',
  'invalid',
  (f: { above: string; path: string; uid: number; gid: number }) =>
    `the directory "${f.above}" above the data root "${f.path}" keeps the remapped root (${f.uid}:${f.gid}) out: give others passage with chmod o+x, or take another --data-root`,
);
export const volumeNotMapped = defineError(
  'VOLUME_NOT_MAPPED',
  'unsupported',
  (f: { name: string; reason: string }) =>
    `volume ${f.name} cannot be used with userns-remap: its file system cannot be mounted with mapped IDs (${f.reason}); give the container --userns=host`,
);
