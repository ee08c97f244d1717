import type { IdMaps } from '../../core/id-map.ts';
import type { OciSeccomp } from './oci-spec.ts';

/** A mount beyond the defaults, in the words of the engine. Parents come before children. */
export type MountInput =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly recursive: boolean;
      /** With `readOnly`: what is mounted below is read-only too. */
      readonly readOnlyRecursive?: boolean;
      /** `rprivate`, `rslave`, `rshared`, `private`, `slave`, `shared`. */
      readonly propagation: string;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly options: readonly string[] };

/** What a namespace is: the container's own, the host's, or the one at a path. */
export type NamespaceInput = 'own' | 'host' | { readonly path: string };

/** A user namespace that is there already, and its IDs. */
export interface UserNamespaceInput extends IdMaps {
  readonly path: string;
}

/** Everything that decides a bundle's config.json. The engine and the builder fill it; `buildSpec` holds Docker's defaults. */
export interface SpecInput {
  readonly containerId: string;
  /** Mounted root directory on the host. */
  readonly rootfs: string;
  readonly readonlyRootfs: boolean;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Absolute; made 0755 root by the caller if missing. */
  readonly cwd: string;
  readonly user: ResolvedUser;
  readonly hostname: string;
  readonly domainname: string;
  readonly tty: boolean;
  readonly consoleSize?: { readonly rows: number; readonly columns: number } | undefined;
  readonly mounts: readonly MountInput[];
  readonly network: NamespaceInput;
  readonly ipc: NamespaceInput | 'none';
  readonly pid: NamespaceInput;
  /** Users are mapped: those of the container are others on the host. `undefined`: they are the host's. */
  readonly userNamespace?: UserNamespaceInput | undefined;
  readonly uts: 'own' | 'host';
  /** `undefined`: private on cgroup v2, the host's on v1 and hybrid. */
  readonly cgroupns: 'private' | 'host' | undefined;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: 'default' | 'unconfined' | OciSeccomp;
  /** `undefined`: the defaults. */
  readonly maskedPaths: readonly string[] | undefined;
  readonly readonlyPaths: readonly string[] | undefined;
  readonly devices: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly permissions: string;
  }[];
  /** Lines like `c 1:3 rwm`. */
  readonly deviceCgroupRules: readonly string[];
  readonly shmSizeBytes: number;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly oomScoreAdj: number;
  readonly resources: ResourceInput;
  /** Cgroup path below the root of the hierarchy. */
  readonly cgroupsPath: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** Home directory, for HOME. */
  readonly home: string;
}

export type ThrottleKind = 'readBps' | 'writeBps' | 'readIops' | 'writeIops';

/** Limits; `undefined` everywhere means none. */
export interface ResourceInput {
  readonly memoryBytes?: number | undefined;
  readonly memoryReservationBytes?: number | undefined;
  /** Memory and swap together; -1: unlimited. */
  readonly memorySwapBytes?: number | undefined;
  readonly memorySwappiness?: number | undefined;
  readonly oomKillDisable?: boolean | undefined;
  readonly cpuShares?: number | undefined;
  readonly cpuQuotaMicros?: number | undefined;
  readonly cpuPeriodMicros?: number | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pidsLimit?: number | undefined;
  readonly blkioWeight?: number | undefined;
  readonly blkioWeightDevices?: readonly { readonly path: string; readonly weight: number }[] | undefined;
  /** Bytes or operations a second of single block devices. */
  readonly blkioThrottle?:
    | Readonly<Partial<Record<ThrottleKind, readonly { readonly path: string; readonly rate: number }[]>>>
    | undefined;
  readonly cpuRealtimePeriodMicros?: number | undefined;
  readonly cpuRealtimeRuntimeMicros?: number | undefined;
}
