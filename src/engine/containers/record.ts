import type { ContainerConfig, HostConfig } from '../../core/wire/container.ts';
import type { EndpointSettings } from '../../core/wire/network.ts';
import type { Endpoint, PublishedPort } from '../../network/index.ts';
import type { ContainerMount } from './mounts.ts';
import type { ContainerState } from './state.ts';

/** One container's attachment to a network: what was asked for, and what the kernel has while it runs. */
export interface Attachment {
  /** The network's name, or before the first start whatever the request called it. */
  readonly network: string;
  /** `''` until the network was first looked up. */
  readonly networkId: string;
  readonly settings: EndpointSettings;
  readonly endpoint: Endpoint | null;
}

/** Everything the engine knows of a container: one document of the database, replaced as a whole at each change. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  /** Digest of the image's config; `''` for a container on an empty root. */
  readonly imageId: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly mounts: readonly ContainerMount[];
  readonly attachments: readonly Attachment[];
  readonly ports: readonly PublishedPort[];
  readonly state: ContainerState;
  /** Restarts by policy since the last start by hand. */
  readonly restartCount: number;
  /** Delay before the present run, in milliseconds; 0 for a start by hand. */
  readonly restartDelayMs: number;
  /** Stopped by a user: `unless-stopped` does not bring it back at boot. */
  readonly manuallyStopped: boolean;
  /** No policy restarts it after this run. */
  readonly restartCancelled: boolean;
  /** Its users were mapped when it was started last: the files below /etc that the engine writes belong to its root of then. */
  readonly mapped?: boolean;
}

/** The name of the network that a container's default route, ports and old inspect fields belong to. */
export function isOwnNetworkMode(mode: string | undefined): boolean {
  return mode !== 'host' && mode !== 'none' && !(mode ?? '').startsWith('container:');
}

/** Whether a container needs an image: it is its root, or mounted somewhere in it. */
export function standsOn(record: ContainerRecord, imageId: string): boolean {
  return record.imageId === imageId || record.mounts.some((m) => m.kind === 'image' && m.imageId === imageId);
}
