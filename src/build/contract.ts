import type { Readable } from 'node:stream';
import type { Engine } from '../engine/index.ts';
import type { Logger } from '../core/log.ts';
import type { ProgressMessage, RegistryAuth } from '../core/wire/resources.ts';

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
  readonly memoryBytes: number | undefined;
  readonly platform: string;
  readonly registryConfig: Readonly<Record<string, RegistryAuth>>;
}

/** Makes images from Dockerfiles. */
export interface Builder extends AsyncDisposable {
  /**
   * Builds; says what it does through `onMessage` in the classic form (`Step 1/3 : FROM …`, `aux` with the image ID).
   * Resolves to the image's ID. Aborted or failed, it leaves no mount, process or snapshot behind.
   * @throws {WharfError} with `context.at` at the Dockerfile's line for errors in it
   */
  build(request: BuildRequest, onMessage: (m: ProgressMessage) => void, signal: AbortSignal): Promise<string>;
  prune(): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>;
}
