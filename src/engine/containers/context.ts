import { join } from 'node:path';
import type { Logger } from '../../core/log.ts';
import type { HealthState } from '../../core/wire/container.ts';
import type { OciSpec } from '../../runtime/index.ts';
import type { ContainerDefaults, EngineOptions, Events, Images, VolumeService } from '../contract.ts';
import type { NetworkBook } from '../networks/book.ts';
import type { KeyedMutex } from './mutex.ts';
import type { ContainerRecord } from './record.ts';
import type { ContainerStore } from './store.ts';
import type { Waiters } from './waiters.ts';

/** The engine's options with the defaults filled in; `reconfigure` changes what can be changed. */
export type EngineSettings = Omit<EngineOptions, 'defaults' | 'labels' | 'liveRestore' | 'shutdownTimeoutSeconds'> & {
  labels: readonly string[];
  liveRestore: boolean;
  shutdownTimeoutSeconds: number;
  defaults: ContainerDefaults;
};

/** Control group below which everything goes that names none. */
export function cgroupParentOf({ defaults, instance }: EngineSettings): string {
  return defaults.cgroupParent || `/wharf-${instance}`;
}

/** What the operations on containers share. One for each open engine. */
export interface Context {
  readonly options: EngineSettings;
  readonly store: ContainerStore;
  /** Operations on one container queue by its ID; who waits for an exit must not hold it. */
  readonly lock: KeyedMutex;
  readonly events: Events;
  readonly images: Images;
  readonly volumes: VolumeService;
  readonly book: NetworkBook;
  readonly waiters: Waiters;
  readonly health: HealthProbes;
  readonly execs: ExecHooks;
  readonly ahead: AheadHooks;
  readonly log: Logger;
  /** The spec of each running container as far as it was needed; read from its bundle otherwise. */
  readonly specs: Map<string, OciSpec>;
  /** Containers that stop only to start again: their end removes and restarts nothing. */
  readonly held: Set<string>;
  /** Pending starts by restart policy. */
  readonly retries: Map<string, NodeJS.Timeout>;
  /** Set once at the end: nothing is restarted any more. */
  closing: boolean;
}

/** Health of running containers, as far as they have a check. */
export interface HealthProbes {
  /** `undefined`: the container has no check. */
  of(containerId: string): HealthState | undefined;
  begin(containerId: string): void;
  /** As `begin`, of a container that has run on without a daemon. */
  resume(containerId: string): void;
  end(containerId: string): void;
  /** The container is gone, and so is what was known. */
  forget(containerId: string): void;
}

/** What is done before a start that mostly follows. */
export interface AheadHooks {
  /** Begins when the answer to the create is on its way. */
  begin(containerId: string): void;
  /** A start takes over what there is, and gives it back should it fail. The caller holds the container's lock. */
  take(containerId: string): void;
  /** No start will come. The caller holds the container's lock. */
  drop(containerId: string): Promise<void>;
}

/** What the life of a container means for the processes run in it. */
export interface ExecHooks {
  idsOf(containerId: string): string[];
  /** Somebody looks at a container: perhaps to run something in it next, which then is readied. */
  expect(containerId: string): void;
  containerEnded(containerId: string): void;
}

export function containerDirectory(ctx: Context, id: string): string {
  return join(ctx.options.dataRoot, 'containers', id);
}

/** Where the json-file log is. */
export function logPath(ctx: Context, id: string): string {
  return join(containerDirectory(ctx, id), `${id}-json.log`);
}

/** Publishes an event of a container: its image, name and labels go with it. */
export function publish(
  ctx: Context,
  record: ContainerRecord,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  ctx.events.publish({
    type: 'container',
    action,
    id: record.id,
    attributes: {
      ...record.config.Labels,
      image: record.config.Image ?? '',
      name: record.name,
      ...attributes,
    },
  });
}
