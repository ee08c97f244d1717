import type { Duplex, Readable } from 'node:stream';
import type { CachePlace, CacheTarget } from './remote-cache/place.ts';
import type { PushClient } from './push.ts';
import type { CacheSpec } from './remote-cache/spec.ts';
import type { Engine } from '../engine/index.ts';
import type { Logger } from '../core/log.ts';
import type { ResourceInput } from '../runtime/index.ts';
import type { BuildEvent, BuildRecord, CacheEntry } from '../core/wire/build.ts';
import type { Ulimit } from '../core/wire/container.ts';
import type { Descriptor } from '../core/oci.ts';
import type { ProgressMessage, RegistryAuth } from '../core/wire/resources.ts';

/** An event of a build, and how many milliseconds after its start it came. */
export type LoggedEvent = readonly [ms: number, event: BuildEvent];

export interface BuilderOptions {
  readonly engine: Engine;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly instance: string;
  readonly log: Logger;
}

/** One classic build, as the query of `POST /build` asks for it. */
export interface BuildRequest {
  /** The context: a tar, plain or compressed. */
  readonly context: Readable;
  /** A URL that the context is fetched from; the tar then has only what is no part of it. */
  readonly remote?: string | undefined;
  readonly dockerfile: string;
  readonly tags: readonly string[];
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly quiet: boolean;
  /** `default`, `none`, `host`, `container:ID` or a network's name. */
  readonly networkMode: string;
  readonly extraHosts: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly shmSizeBytes: number | undefined;
  readonly limits?: RunLimits | undefined;
  readonly platform: string;
  readonly registryConfig: Readonly<Record<string, RegistryAuth>>;
  readonly extras?: BuildExtras | undefined;
  /** The client's connection, to find the directories it claims to have. */
  readonly client?: object | undefined;
}

/** What the commands of a build may use; caches do not ask for it. */
export interface RunLimits {
  readonly ulimits: readonly Ulimit[];
  /** The group that each command's own is made in; `''`: the engine's. */
  readonly cgroupParent: string;
  readonly resources?: ResourceInput | undefined;
}

/** A directory that the client has open, on the machine of the daemon. */
export interface DirectoryClaim {
  /** Its descriptor in the client's process. */
  readonly fd: number;
  /** Device, inode and time of change in nanoseconds, with blanks between. */
  readonly stat: string;
  /** The kernel's boot ID, as the client sees it. */
  readonly boot: string;
}

/**
 * Whose images a build makes. The two differ in the wording of the history, in owners of directories that are made on the way,
 * and in whether a step that changes no file is a layer.
 */
export type BuildStyle = 'classic' | 'buildkit';

/** What the classic build of the Engine API cannot ask for. */
export interface BuildExtras {
  /** By what the client knows this build; else it gets a name of its own. */
  readonly ref?: string | undefined;
  /** `classic` unless given. */
  readonly style?: BuildStyle;
  /** Instead of text, `aux: { Wharf: BuildEvent }` tells what happens, at once and not in the file's order. */
  readonly events?: boolean;
  /** Only read and check the Dockerfile: findings are told as events, nothing is built. */
  readonly checkOnly?: boolean;
  /** With `checkOnly`: what is told instead of findings. */
  readonly describe?: 'outline' | 'targets' | undefined;
  /** What commands are allowed beyond the usual: `network.host`. */
  readonly allow?: readonly string[];
  /** What the Dockerfile is called in messages, if its name in the context is none that the person who builds knows. */
  readonly dockerfileName?: string | undefined;
  /** What tells this project from others, so that reasons are about it alone: the path of its directory, say. */
  readonly project?: string | undefined;
  /** Stages, by name or number, whose steps are not taken from the cache. */
  readonly noCacheStages?: readonly string[];
  /** Values by ID. */
  readonly secrets?: Readonly<Record<string, Uint8Array>>;
  /** For what a client is asked for when it is needed, instead of `secrets`, `sshSockets` and `registryConfig`. */
  readonly ask?: AskedClient | undefined;
  /** Sockets of SSH agents on this machine, by ID. */
  readonly sshSockets?: Readonly<Record<string, string>>;
  /** Names that stand before stages and images: `docker-image://ref`, `side:NAME`, a directory sent with the context, or `here:NAME`. */
  readonly namedContexts?: Readonly<Record<string, string>>;
  /** A directory in the context's tar that is no part of it: `secrets/ID` and `contexts/NAME/` in it, `dockerfile` and `ignore` for the texts below. */
  readonly sideDirectory?: string;
  /**
   * Directories to be read where they are: `''` is the context itself, of which the tar then has only what is no part of it;
   * others are meant by `here:NAME` in `namedContexts`.
   */
  readonly directories?: Readonly<Record<string, DirectoryClaim>>;
  /** The same for a directory of the daemon's own, that nobody else changes while the build runs. */
  readonly ownDirectory?: string;
  /** Text of the Dockerfile, and of the rules of what to leave out: they go before those in the context. */
  readonly dockerfileText?: string;
  readonly ignoreText?: string;
  /** Make an image of what a failing command left, and tell its ID with the failure. */
  readonly keepFailed?: boolean;
  /** Caches of other builds to take layers from; a local one is a directory that came with the context (`src`). */
  readonly cacheFrom?: readonly CacheSpec[];
  /** Where to write what this build came to, for others. */
  readonly cacheTo?: readonly CacheSpec[];
  /** The client's own directories of caches; without them a local cache is kept for `takeCache`. */
  readonly localCaches?: LocalCaches | undefined;
  /** Push the result: the keys of each output of type `registry`, with `name`. */
  readonly push?: readonly Readonly<Record<string, string>>[];
  /** The result is needed only until its layers were fetched: keep it in the cache, for the next build. */
  readonly keepInCache?: boolean;
}

/** A client that answers while the build runs; `undefined`: it has none of that name. */
export interface AskedClient {
  secret(id: string): Promise<Uint8Array | undefined>;
  /** The path of a socket behind which an SSH agent stands. */
  agent(id: string): Promise<string | undefined>;
  credentials(registry: string): Promise<RegistryAuth | undefined>;
  /** Names in a directory of its context, also of what is not sent. */
  contextNames?(directory: string): Promise<readonly string[]>;
}

/** Directories of caches that a client has. */
export interface LocalCaches {
  /** @param digest of the manifest that is meant */
  place(directory: string, digest: string): CachePlace;
  target(directory: string): CacheTarget;
}

/** Makes images from Dockerfiles. */
export interface Builder extends AsyncDisposable {
  /**
   * Builds; says what it does through `onMessage` in the classic form (`Step 1/3 : FROM …`, `aux` with the image ID).
   * Resolves to the image's ID; of several platforms, which only clients with events can ask for, to the first one's. Aborted or failed, it leaves no mount, process or snapshot behind.
   * @throws {WharfError} with `context.at` at the Dockerfile's line for errors in it
   */
  build(request: BuildRequest, onMessage: (m: ProgressMessage) => void, signal: AbortSignal): Promise<string>;
  prune(options?: PruneOptions): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>;
  /** What the cache holds. */
  usage(): Promise<CacheEntry[]>;
  /** Builds of the past, newest first. */
  history(): readonly BuildRecord[];
  /** What a build of the past said. @throws {WharfError} `INVALID_PARAMETER` if there is no such build */
  historyLog(id: string): readonly LoggedEvent[];
  /** Forgets a build of the past; tells whether there was one. */
  forget(id: string): boolean;
  /** The files of an image as a tar, without what containers get in addition. @throws {WharfError} if it is not there */
  files(image: string, signal: AbortSignal): Promise<Readable>;
  /** Images, of a platform each, as one archive (`-o type=oci`, `type=docker`). @param attrs the output's keys @throws {WharfError} */
  archive(
    images: readonly string[],
    type: string,
    attrs: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ readonly tar: Readable; readonly root: Descriptor }>;
  /**
   * Pushes an image, or an index of images of a platform each, to the names in an output's keys.
   * @returns the manifest or index; `undefined`: the engine has pushed the image that it has under these names
   * @throws {WharfError} `INVALID_PARAMETER`, `PUSH_FAILED`, `REGISTRY_UNREACHABLE`
   */
  push(
    images: readonly string[],
    attrs: Readonly<Record<string, string>>,
    client: PushClient,
    signal: AbortSignal,
  ): Promise<Descriptor | undefined>;
  /** A cache that a build has written for its client (`cache-export`), as a tar; it is given once. @throws {WharfError} if it is not there */
  takeCache(id: string, signal: AbortSignal): Promise<Readable>;
  readonly buildKit: BuildKitServices;
}

/** BuildKit's own interface, which `docker buildx` speaks over connections that were upgraded to HTTP/2. */
export interface BuildKitServices {
  /** Serves gRPC to a client until either side closes the connection, or `signal` is aborted. */
  serve(socket: Duplex, signal: AbortSignal): Promise<void>;
  /** @throws {WharfError} `INVALID_PARAMETER` unless a session of this ID may be opened */
  checkSession(id: string): void;
  /** Takes up a connection on which the client answers gRPC, until it is over. */
  openSession(facts: SessionFacts, socket: Duplex, signal: AbortSignal): Promise<void>;
  /**
   * A build as older clients ask for it over `POST /build`: what happens is told as `moby.buildkit.trace`, the image at the
   * end as `moby.image.id`.
   * @throws {Error} in BuildKit's words
   */
  build(request: TracedBuildRequest, onMessage: (m: ProgressMessage) => void, signal: AbortSignal): Promise<void>;
  /** Takes a context that is sent by a request of its own, for the build of this ID. Resolves when it was taken. */
  upload(buildId: string, context: Readable, signal: AbortSignal): Promise<void>;
}

/** What a client says of the session that it opens. */
export interface SessionFacts {
  readonly id: string;
  /** The same in each of its sessions, and in nobody else's; `''`: it says none. */
  readonly sharedKey: string;
  /** What it serves: `/package.Service/Method`. */
  readonly methods: readonly string[];
}

export interface TracedBuildRequest extends BuildRequest {
  readonly buildId: string;
  /** ID of a session; `''`: none. */
  readonly session: string;
  readonly source: 'body' | 'session' | 'upload';
  /** Instead of an image of the request's tags. */
  readonly outputs: readonly { readonly type: string; readonly attrs: Readonly<Record<string, string>> }[];
}

export interface PruneOptions {
  /** Forget also what images have, so that nothing is found any more. Without any option this is meant. */
  readonly all?: boolean | undefined;
  /** Only what was not used for so long. */
  readonly unusedForSeconds?: number | undefined;
  /** Stop when the cache takes no more than this. */
  readonly keepBytes?: number | undefined;
  /** Only these entries, by their IDs. */
  readonly ids?: ReadonlySet<string> | undefined;
}
