/**
 * A service as Compose understands it once every short form is written out. Keys are those of the file format, so that
 * `config` prints them as they are. Sizes are bytes, durations nanoseconds, absent means "not said".
 */
export interface Service {
  readonly profiles?: readonly string[];
  readonly annotations?: StringMap;
  readonly attach?: boolean;
  readonly build?: Build;
  readonly develop?: Develop;
  readonly blkio_config?: BlkioConfig;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cgroup_parent?: string;
  readonly cgroup?: string;
  readonly cpu_count?: number;
  readonly cpu_percent?: number;
  readonly cpu_period?: number;
  readonly cpu_quota?: number;
  readonly cpu_rt_period?: number;
  readonly cpu_rt_runtime?: number;
  readonly cpus?: number;
  readonly cpuset?: string;
  readonly cpu_shares?: number;
  /** Absent: the image's; empty: none. */
  readonly command?: readonly string[];
  readonly configs?: readonly FileReference[];
  readonly container_name?: string;
  readonly credential_spec?: Json;
  readonly depends_on?: Readonly<Record<string, Dependency>>;
  readonly deploy?: Deploy;
  readonly device_cgroup_rules?: readonly string[];
  readonly devices?: readonly Device[];
  readonly dns?: readonly string[];
  readonly dns_opt?: readonly string[];
  readonly dns_search?: readonly string[];
  readonly domainname?: string;
  /** Absent: the image's; empty: none. */
  readonly entrypoint?: readonly string[];
  readonly provider?: Provider;
  /** `null`: take it over from the environment, if it is there. */
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly env_file?: readonly EnvFile[];
  readonly expose?: readonly string[];
  readonly extends?: Extends;
  readonly external_links?: readonly string[];
  /** `name=address` each. */
  readonly extra_hosts?: readonly string[];
  readonly group_add?: readonly string[];
  readonly gpus?: readonly DeviceRequest[];
  readonly hostname?: string;
  readonly healthcheck?: Healthcheck;
  readonly image?: string;
  readonly init?: boolean;
  readonly ipc?: string;
  readonly isolation?: string;
  readonly labels?: StringMap;
  readonly label_file?: readonly string[];
  readonly links?: readonly string[];
  readonly logging?: Logging;
  readonly mem_limit?: number;
  readonly mem_reservation?: number;
  readonly memswap_limit?: number;
  readonly mem_swappiness?: number;
  readonly mac_address?: string;
  readonly models?: Readonly<Record<string, ModelBinding | null>>;
  readonly network_mode?: string;
  readonly networks?: Readonly<Record<string, NetworkAttachment | null>>;
  readonly oom_kill_disable?: boolean;
  readonly oom_score_adj?: number;
  readonly pid?: string;
  readonly pids_limit?: number;
  readonly platform?: string;
  readonly ports?: readonly Port[];
  readonly privileged?: boolean;
  readonly pull_policy?: string;
  readonly pull_refresh_after?: string;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly runtime?: string;
  readonly scale?: number;
  readonly secrets?: readonly FileReference[];
  readonly security_opt?: readonly string[];
  readonly shm_size?: number;
  readonly stdin_open?: boolean;
  readonly stop_grace_period?: number;
  readonly stop_signal?: string;
  readonly storage_opt?: StringMap;
  readonly sysctls?: StringMap;
  readonly tmpfs?: readonly string[];
  readonly tty?: boolean;
  readonly ulimits?: Readonly<Record<string, UlimitSetting>>;
  readonly use_api_socket?: boolean;
  readonly user?: string;
  readonly userns_mode?: string;
  readonly uts?: string;
  readonly volumes?: readonly ServiceVolume[];
  readonly volumes_from?: readonly string[];
  readonly working_dir?: string;
  readonly pre_start?: Json;
  readonly post_start?: readonly Hook[];
  readonly pre_stop?: readonly Hook[];
  readonly [extension: `x-${string}`]: Json;
}

export type StringMap = Readonly<Record<string, string>>;
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface Build {
  readonly context?: string;
  readonly dockerfile?: string;
  readonly dockerfile_inline?: string;
  readonly entitlements?: readonly string[];
  readonly args?: Readonly<Record<string, string | null>>;
  readonly provenance?: string;
  readonly sbom?: string;
  readonly ssh?: readonly string[];
  readonly labels?: StringMap;
  readonly cache_from?: readonly string[];
  readonly cache_to?: readonly string[];
  readonly no_cache?: boolean;
  readonly no_cache_filter?: readonly string[];
  readonly additional_contexts?: StringMap;
  readonly pull?: boolean;
  readonly extra_hosts?: readonly string[];
  readonly isolation?: string;
  readonly network?: string;
  readonly target?: string;
  readonly secrets?: readonly FileReference[];
  readonly shm_size?: number;
  readonly tags?: readonly string[];
  readonly ulimits?: Readonly<Record<string, UlimitSetting>>;
  readonly platforms?: readonly string[];
  readonly privileged?: boolean;
}

export interface BlkioDevice {
  readonly path: string;
  readonly weight?: number;
  readonly rate?: number;
}
export interface BlkioConfig {
  readonly weight?: number;
  readonly weight_device?: readonly BlkioDevice[];
  readonly device_read_bps?: readonly BlkioDevice[];
  readonly device_read_iops?: readonly BlkioDevice[];
  readonly device_write_bps?: readonly BlkioDevice[];
  readonly device_write_iops?: readonly BlkioDevice[];
}

/** A secret or config, given to a service. */
export interface FileReference {
  readonly source: string;
  readonly target?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly mode?: number;
}

export type DependencyCondition = 'service_started' | 'service_healthy' | 'service_completed_successfully';
export interface Dependency {
  readonly condition: DependencyCondition;
  readonly restart?: boolean;
  readonly required: boolean;
}

export interface Deploy {
  readonly mode?: string;
  readonly replicas?: number;
  readonly labels?: StringMap;
  readonly update_config?: UpdateConfig;
  readonly rollback_config?: UpdateConfig;
  readonly resources?: {
    readonly limits?: { readonly cpus?: number; readonly memory?: number; readonly pids?: number };
    readonly reservations?: {
      readonly cpus?: number;
      readonly memory?: number;
      readonly generic_resources?: Json;
      readonly devices?: readonly DeviceRequest[];
    };
  };
  readonly restart_policy?: {
    readonly condition?: string;
    readonly delay?: number;
    readonly max_attempts?: number;
    readonly window?: number;
  };
  readonly placement?: Json;
  readonly endpoint_mode?: string;
}

export interface UpdateConfig {
  readonly parallelism?: number;
  readonly delay?: number;
  readonly failure_action?: string;
  readonly monitor?: number;
  readonly max_failure_ratio?: number;
  readonly order?: string;
}
/** A wish for devices, such as graphics cards; `count` -1: all. */
export interface DeviceRequest {
  readonly capabilities?: readonly string[];
  readonly driver?: string;
  readonly count?: number;
  readonly device_ids?: readonly string[];
  readonly options?: StringMap;
}
/** A command that Compose runs in a container. */
export interface Hook {
  readonly command: readonly string[];
  readonly user?: string;
  readonly privileged?: boolean;
  readonly working_dir?: string;
  readonly environment?: Readonly<Record<string, string | null>>;
}
export interface WatchTrigger {
  readonly path: string;
  readonly action: 'rebuild' | 'sync' | 'restart' | 'sync+restart' | 'sync+exec';
  readonly target?: string;
  readonly exec?: Hook;
  readonly include?: readonly string[];
  readonly ignore?: readonly string[];
  readonly initial_sync?: boolean;
}
export interface Develop {
  readonly watch?: readonly WatchTrigger[];
}
export interface Provider {
  readonly type: string;
  readonly options?: Readonly<Record<string, readonly string[]>>;
}
export interface ModelBinding {
  readonly endpoint_var?: string;
  readonly model_var?: string;
}

export interface Device {
  readonly source: string;
  readonly target: string;
  readonly permissions: string;
}
export interface EnvFile {
  readonly path: string;
  readonly required: boolean;
  readonly format?: string;
}
export interface Extends {
  readonly service: string;
  readonly file?: string;
}
export interface Healthcheck {
  readonly test?: readonly string[];
  readonly timeout?: number;
  readonly interval?: number;
  readonly retries?: number;
  readonly start_period?: number;
  readonly start_interval?: number;
  readonly disable?: boolean;
}
export interface Logging {
  readonly driver?: string;
  readonly options?: StringMap;
}
export interface NetworkAttachment {
  readonly aliases?: readonly string[];
  readonly driver_opts?: StringMap;
  readonly gw_priority?: number;
  readonly interface_name?: string;
  readonly ipv4_address?: string;
  readonly ipv6_address?: string;
  readonly link_local_ips?: readonly string[];
  readonly mac_address?: string;
  readonly priority?: number;
}
export interface Port {
  readonly name?: string;
  readonly mode: string;
  readonly host_ip?: string;
  readonly target: number;
  /** A number or a range, as text; absent: the engine picks one. */
  readonly published?: string;
  readonly protocol: string;
  readonly app_protocol?: string;
}
export type UlimitSetting = number | { readonly soft: number; readonly hard: number };

export interface ServiceVolume {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster';
  readonly source?: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly consistency?: string;
  readonly bind?: {
    readonly propagation?: string;
    readonly create_host_path?: boolean;
    readonly recursive?: string;
    readonly selinux?: string;
  };
  readonly volume?: { readonly nocopy?: boolean; readonly subpath?: string; readonly labels?: StringMap };
  readonly tmpfs?: { readonly size?: number; readonly mode?: number };
  readonly image?: { readonly subpath?: string };
}
