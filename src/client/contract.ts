import type { Duplex, Readable } from 'node:stream';
import type * as wire from '../core/wire/container.ts';
import type * as net from '../core/wire/network.ts';
import type { Platform } from '../core/platform.ts';
import type * as res from '../core/wire/resources.ts';

/** `unix:///path`, `tcp://host:port`, `ssh://user@host`. */
export interface ClientOptions {
  readonly host: string;
  /** PEM texts, for tcp with TLS. */
  readonly tls?:
    | { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly verify: boolean }
    | undefined;
  /** The user's proxies, for what is made by this client: `NAME=value`. */
  readonly proxies?: (() => readonly string[]) | undefined;
  /** `1.41`; `undefined` negotiates. */
  readonly apiVersion?: string | undefined;
  /** Sent with every request: for proxies on the way that want to be told something. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type FilterQuery = Readonly<Record<string, readonly string[]>>;

/** A taken-over connection: stdin goes in by `write`/`end`; what comes out is frames or, with a TTY, raw bytes. */
export interface Hijacked {
  readonly stream: Duplex;
  readonly tty: boolean;
}

export interface LogsQuery {
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Unix seconds with optional fraction, as the API takes it. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly tail?: string | undefined;
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly details?: boolean;
}

/**
 * The Engine API, typed. Works against Wharf and Docker. Failures of the engine are `ApiError` with its status and message;
 * an engine that cannot be reached is `CANNOT_CONNECT`.
 */
export interface Client {
  readonly host: string;
  /** Variables (`NAME=value`) of new containers, and arguments of builds, that do not set them themselves: the caller's to add. */
  readonly proxies: readonly string[];
  ping(): Promise<{ readonly apiVersion: string; readonly server: string; readonly osType: string }>;
  version(): Promise<res.VersionInfo>;
  info(): Promise<res.SystemInfo>;
  events(options: {
    since?: string;
    until?: string;
    filters?: FilterQuery;
    signal?: AbortSignal;
  }): AsyncIterable<res.EventMessage>;

  containers: {
    create(
      request: wire.ContainerCreateRequest,
      options?: { name?: string; platform?: string },
    ): Promise<wire.ContainerCreateResponse>;
    start(id: string, options?: { detachKeys?: string }): Promise<void>;
    stop(id: string, options?: { signal?: string; timeoutSeconds?: number }): Promise<void>;
    kill(id: string, signal?: string): Promise<void>;
    restart(id: string, options?: { signal?: string; timeoutSeconds?: number }): Promise<void>;
    pause(id: string): Promise<void>;
    unpause(id: string): Promise<void>;
    rename(id: string, name: string): Promise<void>;
    /** Resolves once the engine has begun to wait; `done` is the answer. */
    wait(
      id: string,
      condition?: wire.WaitCondition,
      signal?: AbortSignal,
    ): Promise<{ readonly done: Promise<wire.ContainerWaitResponse> }>;
    remove(id: string, options?: { force?: boolean; volumes?: boolean; link?: boolean }): Promise<void>;
    list(options?: {
      all?: boolean;
      limit?: number;
      size?: boolean;
      filters?: FilterQuery;
    }): Promise<wire.ContainerSummary[]>;
    inspect(id: string, options?: { size?: boolean }): Promise<wire.ContainerInspect>;
    logs(id: string, query: LogsQuery, signal?: AbortSignal): Promise<Readable>;
    attach(
      id: string,
      options: {
        stdin?: boolean;
        stdout?: boolean;
        stderr?: boolean;
        logs?: boolean;
        stream?: boolean;
        detachKeys?: string;
      },
    ): Promise<Duplex>;
    resize(id: string, rows: number, columns: number): Promise<void>;
    top(id: string, psArgs?: string): Promise<wire.TopResponse>;
    update(
      id: string,
      change: wire.Resources & { RestartPolicy?: wire.RestartPolicy },
    ): Promise<{ Warnings: string[] | null }>;
    changes(id: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[] | null>;
    stats(
      id: string,
      options: { stream: boolean; oneShot?: boolean },
      signal?: AbortSignal,
    ): AsyncIterable<Record<string, unknown>>;
    archiveStat(id: string, path: string): Promise<Record<string, unknown>>;
    archiveGet(id: string, path: string): Promise<{ stat: Record<string, unknown>; tar: Readable }>;
    archivePut(
      id: string,
      path: string,
      tar: Readable,
      options?: { noOverwriteDirNonDir?: boolean; copyUidGid?: boolean },
    ): Promise<void>;
    export(id: string): Promise<Readable>;
    prune(filters?: FilterQuery): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>;
  };
  execs: {
    create(containerId: string, request: wire.ExecCreateRequest): Promise<{ Id: string }>;
    /** `null` when detached. */
    start(execId: string, request: wire.ExecStartRequest): Promise<Duplex | null>;
    inspect(execId: string): Promise<wire.ExecInspect>;
    resize(execId: string, rows: number, columns: number): Promise<void>;
  };
  images: {
    list(options?: {
      all?: boolean;
      digests?: boolean;
      /** With what an image has for each platform. */
      manifests?: boolean;
      filters?: FilterQuery;
    }): Promise<res.ImageSummary[]>;
    inspect(name: string, platform?: Platform): Promise<res.ImageInspect>;
    history(name: string, platform?: Platform): Promise<res.ImageHistoryItem[]>;
    tag(name: string, repository: string, tag: string): Promise<void>;
    remove(
      name: string,
      options?: { force?: boolean; noPrune?: boolean; platforms?: readonly Platform[] },
    ): Promise<res.ImageDeleteItem[]>;
    prune(filters?: FilterQuery): Promise<{ ImagesDeleted: res.ImageDeleteItem[] | null; SpaceReclaimed: number }>;
    pull(
      reference: string,
      options: { tag?: string; platform?: string; auth?: res.RegistryAuth; signal?: AbortSignal },
    ): AsyncIterable<res.ProgressMessage>;
    push(
      name: string,
      options: { tag?: string; platform?: Platform; auth?: res.RegistryAuth; signal?: AbortSignal },
    ): AsyncIterable<res.ProgressMessage>;
    /** What a registry has under a name, without pulling it. */
    distribution(name: string, auth: res.RegistryAuth | undefined): Promise<unknown>;
    /** Pushes an index of manifests that are in repositories (`from`, by digest) of the same registry; only Wharf's engine has this. */
    pushIndex(
      name: string,
      index: { raw: Buffer; mediaType: string; from: Readonly<Record<string, string>> },
      auth: res.RegistryAuth | undefined,
    ): Promise<{ Digest: string }>;
    load(
      tar: Readable,
      options?: { quiet?: boolean; platform?: Platform; signal?: AbortSignal },
    ): AsyncIterable<res.ProgressMessage>;
    save(names: readonly string[], platform?: Platform): Promise<Readable>;
    /** The files of an image as a tar, as a build's `-o` gives them; only Wharf's engine has this. */
    files(name: string): Promise<Readable>;
    /** Images, one for each platform, as an archive with the keys of `-o`. */
    archive(images: readonly string[], type: string, attrs: Readonly<Record<string, string>>): Promise<Readable>;
    /** A cache that a build has written, as a tar; it is given once. */
    buildCache(id: string): Promise<Readable>;
    /** From a tar, or from a URL that the engine fetches. */
    import(
      source: Readable | string,
      options: { repository?: string; tag?: string; message?: string; changes?: readonly string[]; platform?: string },
    ): AsyncIterable<res.ProgressMessage>;
    commit(options: {
      container: string;
      repository?: string;
      tag?: string;
      comment?: string;
      author?: string;
      changes?: readonly string[];
      pause?: boolean;
    }): Promise<{ Id: string }>;
    /** A directory is read by an engine on this machine where it is, if that can be proved to be the same; else it is sent. */
    build(context: Readable | DirectoryContext, options: BuildQuery): AsyncIterable<res.ProgressMessage>;
  };
  networks: {
    create(request: net.NetworkCreateRequest): Promise<{ Id: string; Warning: string }>;
    list(filters?: FilterQuery): Promise<net.NetworkResource[]>;
    inspect(name: string, options?: { verbose?: boolean }): Promise<net.NetworkResource>;
    remove(name: string): Promise<void>;
    connect(name: string, container: string, endpoint?: net.EndpointSettings): Promise<void>;
    disconnect(name: string, container: string, force?: boolean): Promise<void>;
    prune(filters?: FilterQuery): Promise<{ NetworksDeleted: string[] | null }>;
  };
  volumes: {
    create(request: res.VolumeCreateRequest): Promise<res.VolumeResource>;
    list(filters?: FilterQuery): Promise<{ Volumes: res.VolumeResource[]; Warnings: string[] | null }>;
    inspect(name: string): Promise<res.VolumeResource>;
    remove(name: string, force?: boolean): Promise<void>;
    prune(filters?: FilterQuery): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>;
  };
  /** A connection to the engine on which nothing has been said: to hand it on. */
  dial(): Promise<Duplex>;
  /** Sends any request: for what has no method here. */
  request(method: string, path: string, options?: { query?: Record<string, string>; body?: unknown }): Promise<unknown>;
}

export interface ContextSource {
  readonly directory: string;
  /** Path of the Dockerfile, absolute. */
  readonly dockerfile: string;
}

/** A directory to be built. */
export interface DirectoryContext {
  /** The Dockerfile's name in it. */
  readonly dockerfile: string;
  /** All that is to be sent. */
  tar(): Readable;
  /** Opens the directory, for an engine that reads it itself; holds it open until it is disposed of. */
  claim(side: ContextSide | undefined): Promise<ClaimedContext>;
}

/** What goes to the engine with a context but is no part of it. */
export interface ContextSide {
  /** Of the directory in the tar that the engine takes out again. */
  readonly name: string;
  /** Paths of directories that are contexts by themselves, by name. */
  readonly directories: Readonly<Record<string, string>>;
  /**
   * A tar without its end, to be sent before the context.
   * @param whole with the directories: they cannot be read by the engine where they are
   */
  beforeTar(whole: boolean): AsyncIterable<Buffer> | Iterable<Buffer>;
}

export interface ClaimedContext extends Disposable {
  /** What is no part of the directory. */
  readonly tar: Readable;
  /** Fields of `X-Wharf-Build`. */
  readonly extras: Readonly<Record<string, unknown>>;
}

/** Query of `POST /build`. */
export interface BuildQuery {
  readonly tags: readonly string[];
  readonly dockerfile?: string | undefined;
  readonly buildArgs?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string | undefined;
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly quiet?: boolean;
  readonly networkMode?: string | undefined;
  readonly extraHosts?: readonly string[];
  readonly cacheFrom?: readonly string[];
  readonly shmSizeBytes?: number | undefined;
  readonly ulimits?: readonly wire.Ulimit[];
  /** More of the query, by its own names: `cgroupparent`, `memory`, `cpuquota` and the like. */
  readonly limits?: Readonly<Record<string, string | number | undefined>>;
  readonly platform?: string | undefined;
  readonly removeIntermediate?: boolean;
  readonly side?: ContextSide | undefined;
  /** Fields of `X-Wharf-Build`; other engines leave them alone. */
  readonly extras?: Readonly<Record<string, unknown>> | undefined;
  readonly registryConfig?: Readonly<Record<string, res.RegistryAuth>>;
  readonly signal?: AbortSignal;
}
