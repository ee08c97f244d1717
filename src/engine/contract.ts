import type { Duplex, Readable } from 'node:stream';
import type { ChainId, Digest } from '../core/digest.ts';
import type { IdMaps } from '../core/id-map.ts';
import type { Logger } from '../core/log.ts';
import type { ImageConfig, ImageRunConfig } from '../core/oci.ts';
import type * as wire from '../core/wire/container.ts';
import type * as net from '../core/wire/network.ts';
import type * as res from '../core/wire/resources.ts';
import type { ImageDifference, ImageLayerReport } from '../core/wire/image-layers.ts';
import type { Reference } from '../core/reference.ts';
import type { Networks } from '../network/index.ts';
import type { RegistryClient } from '../registry/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Storage } from '../storage/index.ts';

export interface EngineOptions {
  readonly dataRoot: string;
  readonly execRoot: string;
  /** Marks what belongs to this daemon in the kernel. */
  readonly instance: string;
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly networks: Networks;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly transfers?: Transfers | undefined;
  readonly liveRestore: boolean;
  readonly defaultBridge?: DefaultBridge | undefined;
  /** Options of new networks that do not set them themselves, by driver. */
  readonly networkOptions?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  /** What `host-gateway` stands for in extra hosts; the default bridge's addresses unless given. */
  readonly hostGateways?: readonly string[] | undefined;
  readonly labels: readonly string[];
  /** How users of containers are mapped to the host's; the storage must know the same. `undefined`: they are the host's. */
  readonly idMaps?: IdMaps | undefined;
  /** What containers get that say nothing else. */
  readonly defaults?: Partial<ContainerDefaults> | undefined;
  /** How long all containers together may take to stop at the end; negative: for ever. 15 unless given. */
  readonly shutdownTimeoutSeconds?: number | undefined;
  readonly log: Logger;
}

/** The network `bridge`; of what is left out, Docker's defaults. */
export interface DefaultBridge {
  /** Its own addresses in CIDR: `172.17.0.1/16`, which is also taken unless given (or, if that is in use, a free block). */
  readonly address?: string | undefined;
  readonly address6?: string | undefined;
  /** Blocks that containers' addresses are taken from. */
  readonly range?: string | undefined;
  readonly range6?: string | undefined;
  /** The way out, in place of the bridge's own addresses. */
  readonly gateway?: string | undefined;
  readonly gateway6?: string | undefined;
  readonly enableIpv6?: boolean | undefined;
  readonly icc?: boolean | undefined;
  readonly masquerade?: boolean | undefined;
  readonly mtu?: number | undefined;
  /** Address of the host that ports are published at which name none. */
  readonly hostBinding?: string | undefined;
}

/** What a container gets whose request leaves it open. */
export interface ContainerDefaults {
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly init: boolean;
  readonly ulimits: readonly wire.Ulimit[];
  readonly shmSizeBytes: number;
  readonly ipcMode: 'private' | 'shareable';
  readonly cgroupns: 'private' | 'host' | undefined;
  readonly noNewPrivileges: boolean;
  /** `builtin`, `unconfined`, or a profile in JSON. */
  readonly seccompProfile: string;
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  /** Control group that those of containers and builds are made below; `''`: one of the engine's own. */
  readonly cgroupParent: string;
}

/** How many layers of one image come, or go, at a time. */
export interface Transfers {
  readonly downloads: number;
  readonly uploads: number;
}

/** What can be changed while the engine is open. */
export type Reconfiguration = Pick<
  EngineOptions,
  'labels' | 'liveRestore' | 'insecureRegistries' | 'registryMirrors' | 'defaults' | 'shutdownTimeoutSeconds'
>;

/**
 * The domain: what containers, images, networks and volumes are, and what may be done with them in which state. Speaks in the
 * Engine API's documents (core/wire), knows nothing of HTTP. Every method that takes a `ref` accepts a name, a full ID or an
 * unambiguous prefix of one; errors are WharfErrors with Docker's wording.
 */
export interface Engine extends AsyncDisposable {
  readonly containers: Containers;
  readonly execs: Execs;
  readonly images: Images;
  readonly networks: NetworkService;
  readonly volumes: VolumeService;
  readonly events: Events;
  readonly system: System;
  /** What the builder stands on. */
  readonly parts: {
    readonly storage: Storage;
    readonly runtime: Runtime;
    readonly networks: Networks;
    /** See `EngineOptions`. */
    readonly idMaps: IdMaps | undefined;
    /** Control group below which everything goes that names none. */
    readonly cgroupParent: () => string;
    /** What `host-gateway` stands for in extra hosts: addresses of the host as containers see it. */
    hostGateways(): readonly string[];
  };
  /** Takes new settings; containers that are there keep theirs. `settings` is what the event tells of it. */
  reconfigure(change: Reconfiguration, settings: Readonly<Record<string, string>>): void;
  /** Graceful end: stops containers (unless live-restore), keeps what is to be kept. */
  shutdown(): Promise<void>;
}

/** Filters of a list call: key to its values, as decoded from either wire form. */
export type Filters = Readonly<Record<string, readonly string[]>>;

export interface Containers {
  create(request: {
    readonly name?: string | undefined;
    readonly platform?: string | undefined;
    readonly config: wire.ContainerConfig;
    readonly hostConfig: wire.HostConfig;
    readonly networking: net.NetworkingConfig;
  }): Promise<wire.ContainerCreateResponse>;
  /** `false`: it ran already. */
  start(ref: string): Promise<boolean>;
  /** `false`: it did not run. `timeoutSeconds` -1 waits for ever; `undefined` takes the container's own. */
  stop(
    ref: string,
    options: { readonly signal?: string | undefined; readonly timeoutSeconds?: number | undefined },
  ): Promise<boolean>;
  kill(ref: string, signal: string): Promise<void>;
  restart(
    ref: string,
    options: { readonly signal?: string | undefined; readonly timeoutSeconds?: number | undefined },
  ): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  /** The container is looked up, and waiting begins, before this resolves; `done` is the answer. */
  wait(
    ref: string,
    condition: wire.WaitCondition,
    signal: AbortSignal,
  ): Promise<{ readonly done: Promise<wire.ContainerWaitResponse> }>;
  remove(
    ref: string,
    options: { readonly force: boolean; readonly volumes: boolean; readonly link: boolean },
  ): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  list(options: {
    readonly all: boolean;
    readonly limit?: number | undefined;
    readonly size: boolean;
    readonly filters: Filters;
  }): Promise<wire.ContainerSummary[]>;
  inspect(ref: string, options: { readonly size: boolean }): Promise<wire.ContainerInspect>;
  logs(
    ref: string,
    options: {
      readonly stdout: boolean;
      readonly stderr: boolean;
      readonly sinceNanos?: bigint | undefined;
      readonly untilNanos?: bigint | undefined;
      readonly tail?: number | undefined;
      readonly follow: boolean;
      readonly timestamps: boolean;
      readonly details: boolean;
    },
    signal: AbortSignal,
  ): Promise<{ readonly tty: boolean; readonly stream: Readable }>;
  /** Raw bytes with a TTY, frames without. See `Runtime.attach`. `detachKeys` are watched for when there is a TTY and stdin. */
  attach(
    ref: string,
    options: {
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
      readonly logs: boolean;
      readonly stream: boolean;
      readonly detachKeys?: string | undefined;
    },
  ): Promise<{ readonly tty: boolean; readonly stream: Duplex }>;
  resize(ref: string, size: { readonly rows: number; readonly columns: number }): Promise<void>;
  update(
    ref: string,
    change: wire.Resources & { readonly RestartPolicy?: wire.RestartPolicy },
  ): Promise<{ Warnings: string[] | null }>;
  top(ref: string, psArgs: string): Promise<wire.TopResponse>;
  changes(ref: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]>;
  stats(ref: string): Promise<Record<string, unknown>>;
  /** A tar of one path. `stat` is what the header X-Docker-Container-Path-Stat holds. */
  archiveStat(ref: string, path: string): Promise<Record<string, unknown>>;
  archiveGet(ref: string, path: string): Promise<{ readonly stat: Record<string, unknown>; readonly tar: Readable }>;
  archivePut(
    ref: string,
    path: string,
    tar: Readable,
    options: { readonly noOverwriteDirNonDir: boolean; readonly copyUidGid: boolean },
  ): Promise<void>;
  export(ref: string): Promise<Readable>;
  prune(filters: Filters): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>;
  /** IDs of containers that stand on an image; for refusing its removal. */
  usersOfImage(imageId: string): readonly { readonly id: string; readonly running: boolean }[];
  /** IDs of containers (also stopped ones) that use a volume. */
  usersOfVolume(name: string): readonly string[];
}

export interface Execs {
  create(containerRef: string, request: wire.ExecCreateRequest): Promise<{ Id: string }>;
  /** `stream` is there unless detached. Failure to start is told on the stream and in the exit code, as Docker does. */
  start(
    execId: string,
    request: wire.ExecStartRequest,
  ): Promise<{ readonly tty: boolean; readonly stream: Duplex | null }>;
  inspect(execId: string): Promise<wire.ExecInspect>;
  resize(execId: string, size: { readonly rows: number; readonly columns: number }): Promise<void>;
}

/** An image as the engine knows it. The ID is the digest of the config blob. */
export interface Image {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** The stack, bottom first; empty for an image without layers. */
  readonly chain: readonly ChainId[];
  readonly sizeBytes: number;
}

export interface Images {
  /** By reference, ID or prefix. @throws {WharfError} `IMAGE_NOT_FOUND`: `No such image: x:latest` */
  get(ref: string): Image;
  find(ref: string): Image | undefined;
  /**
   * Registers an image whose layers are in the layer store, with tags (`name:tag`, moved from whatever had them).
   * `parent` is for the history that `docker images -a` shows of classic builds.
   */
  create(image: {
    readonly config: ImageConfig;
    readonly chain: readonly ChainId[];
    readonly tags?: readonly string[];
    readonly parent?: Digest;
  }): Promise<Image>;
  list(options: {
    readonly all: boolean;
    readonly filters: Filters;
    readonly sharedSize: boolean;
    /** With `Manifests`. */
    readonly manifests?: boolean;
  }): Promise<res.ImageSummary[]>;
  inspect(ref: string): Promise<res.ImageInspect>;
  history(ref: string): Promise<res.ImageHistoryItem[]>;
  tag(ref: string, repository: string, tag: string): Promise<void>;
  remove(ref: string, options: { readonly force: boolean; readonly noPrune: boolean }): Promise<res.ImageDeleteItem[]>;
  prune(filters: Filters): Promise<{ ImagesDeleted: res.ImageDeleteItem[] | null; SpaceReclaimed: number }>;
  /** `docker load`: docker-archive and OCI layouts in a tar. */
  load(
    tar: Readable,
    options: { readonly quiet: boolean },
    onMessage: (m: res.ProgressMessage) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** `docker save`: one tar with both layouts. */
  save(refs: readonly string[]): Promise<Readable>;
  /** `docker import`: a root file system as one layer, from a stream or from where a URL leads. Resolves to the image's ID. */
  import(
    source: Readable | URL,
    options: {
      readonly repository: string;
      readonly tag: string;
      readonly message: string;
      /** What `--change` does to the config. */
      readonly change: (config: ImageRunConfig) => ImageRunConfig;
      readonly platform?: string | undefined;
    },
    signal: AbortSignal,
  ): Promise<Digest>;
  pull(
    reference: string,
    options: {
      readonly tag: string;
      readonly platform?: string | undefined;
      readonly auth: res.RegistryAuth | undefined;
    },
    onMessage: (m: res.ProgressMessage) => void,
    signal: AbortSignal,
  ): Promise<void>;
  push(
    name: string,
    options: { readonly tag: string; readonly auth: res.RegistryAuth | undefined },
    onMessage: (m: res.ProgressMessage) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** What a registry has under a name, without pulling it: `GET /distribution/NAME/json`. */
  inspectRemote(
    name: string,
    auth: res.RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<{ Descriptor: Record<string, unknown>; Platforms: unknown }>;
  /** The bytes that an image's ID is the digest of. @throws {WharfError} `IMAGE_NOT_FOUND` */
  configText(ref: string): string;
  /** A connection to the repository of a reference, for what is no image. @throws {WharfError} `REGISTRY_UNREACHABLE` */
  connect(
    reference: Reference,
    options: { readonly auth: res.RegistryAuth | undefined; readonly push: boolean },
    signal: AbortSignal,
  ): Promise<RegistryClient>;
  /** Pushes an index, with the manifests that it names from other repositories of the registry. Resolves to its digest. */
  pushIndex(
    request: {
      readonly name: string;
      readonly bytes: Buffer;
      readonly mediaType: string;
      /** Repository by digest of a manifest. */
      readonly from: Readonly<Record<string, string>>;
      readonly auth: res.RegistryAuth | undefined;
    },
    signal: AbortSignal,
  ): Promise<Digest>;
  /** What each layer brings and wastes, bottom first. */
  layers(ref: string): Promise<readonly ImageLayerReport[]>;
  /** How the files of `other` differ from those of `ref`. */
  diff(ref: string, other: string): Promise<readonly ImageDifference[]>;
  /** Tries credentials. Resolves to a token to keep instead of the password, empty if there is none. */
  tryLogin(auth: res.RegistryAuth, signal: AbortSignal): Promise<string>;
  search(
    request: {
      readonly term: string;
      readonly limit: number;
      readonly filters: Filters;
      readonly auth: res.RegistryAuth | undefined;
    },
    signal: AbortSignal,
  ): Promise<readonly object[]>;
  /** `docker commit`. Resolves to the new image's ID. */
  commit(request: {
    readonly container: string;
    readonly repository: string;
    readonly tag: string;
    readonly comment: string;
    readonly author: string;
    /** What `--change` does to the config. */
    readonly change: (config: ImageRunConfig) => ImageRunConfig;
    readonly pause: boolean;
    readonly config: ImageRunConfig | undefined;
  }): Promise<Digest>;
}

export interface NetworkService {
  create(request: net.NetworkCreateRequest): Promise<{ Id: string; Warning: string }>;
  list(filters: Filters): Promise<net.NetworkResource[]>;
  inspect(ref: string, options: { readonly verbose: boolean }): Promise<net.NetworkResource>;
  remove(ref: string): Promise<void>;
  connect(ref: string, container: string, endpoint: net.EndpointSettings): Promise<void>;
  disconnect(ref: string, container: string, force: boolean): Promise<void>;
  prune(filters: Filters): Promise<{ NetworksDeleted: string[] | null }>;
}

export interface VolumeService {
  create(request: res.VolumeCreateRequest): Promise<res.VolumeResource>;
  list(filters: Filters): Promise<{ Volumes: res.VolumeResource[]; Warnings: string[] | null }>;
  inspect(name: string): Promise<res.VolumeResource>;
  remove(name: string, force: boolean): Promise<void>;
  prune(filters: Filters): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>;
}

export interface Events {
  publish(event: {
    readonly type: res.EventType;
    readonly action: string;
    readonly id: string;
    readonly attributes: Readonly<Record<string, string>>;
  }): void;
  /** How many listen now. */
  listenerCount(): number;
  /** Past events from `sinceNanos` (of those still remembered), then live ones until `untilNanos` or abort. */
  subscribe(options: {
    readonly sinceNanos?: bigint | undefined;
    readonly untilNanos?: bigint | undefined;
    readonly filters: Filters;
    readonly signal: AbortSignal;
  }): AsyncIterable<res.EventMessage>;
}

export interface System {
  info(): Promise<res.SystemInfo>;
  version(): Promise<res.VersionInfo>;
  diskUsage(types: readonly string[]): Promise<Record<string, unknown>>;
}
