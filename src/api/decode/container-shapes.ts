import { ENDPOINT } from './network-shapes.ts';

const TEXT_MAP = { map: 'text', absent: '' } as const;
const ANY_MAP = { map: 'any' } as const;

const HEALTHCHECK = {
  struct: {
    Test: 'texts',
    Interval: 'integer',
    Timeout: 'integer',
    StartPeriod: 'integer',
    StartInterval: 'integer',
    Retries: 'integer',
  },
} as const;

/** `Config`: the fields at the top of a create request, and the body of `POST /commit`. */
const CONFIG_FIELDS = {
  Hostname: 'text',
  Domainname: 'text',
  User: 'text',
  AttachStdin: 'flag',
  AttachStdout: 'flag',
  AttachStderr: 'flag',
  ExposedPorts: ANY_MAP,
  Tty: 'flag',
  OpenStdin: 'flag',
  StdinOnce: 'flag',
  Env: { list: 'text' },
  Cmd: 'texts',
  Healthcheck: HEALTHCHECK,
  ArgsEscaped: 'flag',
  Image: 'text',
  Volumes: ANY_MAP,
  WorkingDir: 'text',
  Entrypoint: 'texts',
  NetworkDisabled: 'flag',
  MacAddress: 'text',
  OnBuild: { list: 'text' },
  Labels: TEXT_MAP,
  StopSignal: 'text',
  StopTimeout: 'integer',
  Shell: 'texts',
} as const;

const MOUNT = {
  isFilled: true,
  struct: {
    Type: 'text',
    Source: 'text',
    Target: 'text',
    ReadOnly: 'flag',
    Consistency: 'text',
    BindOptions: {
      struct: {
        Propagation: 'text',
        NonRecursive: 'flag',
        CreateMountpoint: 'flag',
        ReadOnlyNonRecursive: 'flag',
        ReadOnlyForceRecursive: 'flag',
      },
    },
    VolumeOptions: {
      struct: {
        NoCopy: 'flag',
        Labels: TEXT_MAP,
        DriverConfig: { struct: { Name: 'text', Options: TEXT_MAP } },
        Subpath: 'text',
      },
    },
    TmpfsOptions: { struct: { SizeBytes: 'integer', Mode: 'integer', Options: { list: { list: 'text' } } } },
    ImageOptions: { struct: { Subpath: 'text' } },
  },
} as const;

const THROTTLE_DEVICES = { list: { isFilled: true, struct: { Path: 'text', Rate: 'integer' } } } as const;

const RESOURCE_FIELDS = {
  CpuShares: 'integer',
  Memory: 'integer',
  NanoCpus: 'integer',
  CgroupParent: 'text',
  BlkioWeight: 'integer',
  BlkioWeightDevice: { list: { isFilled: true, struct: { Path: 'text', Weight: 'integer' } } },
  BlkioDeviceReadBps: THROTTLE_DEVICES,
  BlkioDeviceWriteBps: THROTTLE_DEVICES,
  BlkioDeviceReadIOps: THROTTLE_DEVICES,
  BlkioDeviceWriteIOps: THROTTLE_DEVICES,
  CpuPeriod: 'integer',
  CpuQuota: 'integer',
  CpuRealtimePeriod: 'integer',
  CpuRealtimeRuntime: 'integer',
  CpusetCpus: 'text',
  CpusetMems: 'text',
  Devices: {
    list: { isFilled: true, struct: { PathOnHost: 'text', PathInContainer: 'text', CgroupPermissions: 'text' } },
  },
  DeviceCgroupRules: { list: 'text' },
  DeviceRequests: {
    list: {
      struct: {
        Driver: 'text',
        Count: 'integer',
        DeviceIDs: { list: 'text' },
        Capabilities: { list: { list: 'text' } },
        Options: TEXT_MAP,
      },
    },
  },
  MemoryReservation: 'integer',
  MemorySwap: 'integer',
  MemorySwappiness: 'integer',
  OomKillDisable: 'flag',
  PidsLimit: 'integer',
  Ulimits: { list: { isFilled: true, struct: { Name: 'text', Soft: 'integer', Hard: 'integer' } } },
} as const;

const RESTART_POLICY = { struct: { Name: 'text', MaximumRetryCount: 'integer' } } as const;

const HOST_CONFIG = {
  struct: {
    ...RESOURCE_FIELDS,
    Binds: { list: 'text' },
    ContainerIDFile: 'text',
    LogConfig: { struct: { Type: 'text', Config: TEXT_MAP } },
    NetworkMode: 'text',
    PortBindings: { map: { list: { isFilled: true, struct: { HostIp: 'text', HostPort: 'text' } } } },
    RestartPolicy: RESTART_POLICY,
    AutoRemove: 'flag',
    VolumeDriver: 'text',
    VolumesFrom: { list: 'text' },
    ConsoleSize: { list: 'integer' },
    Annotations: TEXT_MAP,
    CapAdd: 'texts',
    CapDrop: 'texts',
    CgroupnsMode: 'text',
    Dns: { list: 'text' },
    DnsOptions: { list: 'text' },
    DnsSearch: { list: 'text' },
    ExtraHosts: { list: 'text' },
    GroupAdd: { list: 'text' },
    IpcMode: 'text',
    Cgroup: 'text',
    Links: { list: 'text' },
    OomScoreAdj: 'integer',
    PidMode: 'text',
    Privileged: 'flag',
    PublishAllPorts: 'flag',
    ReadonlyRootfs: 'flag',
    SecurityOpt: { list: 'text' },
    StorageOpt: TEXT_MAP,
    Tmpfs: TEXT_MAP,
    UTSMode: 'text',
    UsernsMode: 'text',
    ShmSize: 'integer',
    Sysctls: TEXT_MAP,
    Runtime: 'text',
    Isolation: 'text',
    Mounts: { list: MOUNT },
    MaskedPaths: { list: 'text' },
    ReadonlyPaths: { list: 'text' },
    Init: 'flag',
  },
} as const;

export const CONFIG = { struct: CONFIG_FIELDS } as const;

export const CREATE_CONTAINER = {
  struct: {
    ...CONFIG_FIELDS,
    HostConfig: HOST_CONFIG,
    NetworkingConfig: { struct: { EndpointsConfig: { map: ENDPOINT } } },
  },
} as const;

export const UPDATE_CONTAINER = { struct: { ...RESOURCE_FIELDS, RestartPolicy: RESTART_POLICY } } as const;

export const EXEC_CREATE = {
  struct: {
    User: 'text',
    Privileged: 'flag',
    Tty: 'flag',
    ConsoleSize: { list: 'integer' },
    AttachStdin: 'flag',
    AttachStdout: 'flag',
    AttachStderr: 'flag',
    DetachKeys: 'text',
    Env: { list: 'text' },
    WorkingDir: 'text',
    Cmd: 'texts',
  },
} as const;

export const EXEC_START = { struct: { Detach: 'flag', Tty: 'flag', ConsoleSize: { list: 'integer' } } } as const;
