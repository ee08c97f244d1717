import type { CgroupHost } from '../../linux/index.ts';
import type { ExitRecord } from '../contract.ts';
import type { ExitStore } from './exit-store.ts';
import type { ProcessIo } from './process-io.ts';
import type { CreateOperation, Held } from './protocol.ts';
import type { Reaper } from './reaper.ts';
import type { SealedPrograms } from './sealed-programs.ts';
import type { StartGate } from './start-fifo.ts';

/** A further process in a container. */
export interface Exec {
  readonly pid: number;
  readonly startTime: string;
  readonly io: ProcessIo;
}

/** A container from its creation to its end. */
export interface Container {
  readonly operation: CreateOperation;
  readonly pid: number;
  readonly startTime: string;
  readonly io: ProcessIo;
  readonly execs: Map<string, Exec>;
  /** Set for a container that an earlier monitor started. */
  readonly pidfd?: number;
  /** To be told when it has ended; the exit itself is not recorded then. */
  forgotten?: () => void;
  /** While it is being started. */
  gate?: StartGate;
}

export interface ContainersOptions {
  /** A directory a container below it. */
  readonly directory: string;
  /** For sockets, whose names must be short. */
  readonly socketDirectory: string;
  readonly cgroups: CgroupHost;
  readonly reaper: Reaper;
  readonly programs: SealedPrograms;
  readonly exits: ExitStore;
  /** `false`: nobody has heard of it. */
  readonly onExit: (exit: ExitRecord) => boolean;
  readonly onHeld: (held: Held) => void;
  readonly onReleased: (what: { readonly containerId: string; readonly execId?: string | undefined }) => void;
  readonly warn: (event: string, fields: Record<string, unknown>) => void;
}
