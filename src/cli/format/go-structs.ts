/** A field of a Go struct with what Go prints where the engine sends nothing, or fields of a struct embedded in it. */
export type GoField = { readonly name: string; readonly zero: string } | readonly GoField[];

interface GoStruct {
  readonly fields: readonly GoField[];
  readonly names: ReadonlySet<string>;
  /** The fields that the engine never leaves out. */
  readonly always: readonly string[];
}

/** `Name` is a text, `Name=0` says what Go prints for nothing; braces hold an embedded struct. In the order of Go's declarations. */
const STRUCTS: readonly GoStruct[] = [
  struct(
    'Status Running Pid',
    'Status Running=false Paused=false Restarting=false OOMKilled=false Dead=false Pid=0 ExitCode=0 Error StartedAt FinishedAt Health=<nil>',
  ),
  struct('HostIp HostPort', 'HostIp HostPort'),
  struct('Source Destination RW', 'Type Name Source Destination Driver Mode RW=false Propagation'),
  struct('Name MaximumRetryCount', 'Name MaximumRetryCount=0'),
  struct('Type Config', 'Type Config=map[]'),
  struct('Driver Config', 'Driver Options=map[] Config=[]'),
  struct('Subnet', 'Subnet IPRange Gateway AuxiliaryAddresses=map[]'),
  struct('Type Layers', 'Type Layers=[]'),
  struct('PathOnHost PathInContainer', 'PathOnHost PathInContainer CgroupPermissions'),
  struct('Data Name', 'Data=map[] Name'),
  struct('EndpointID IPv4Address Name', 'Name EndpointID MacAddress IPv4Address IPv6Address'),
  struct(
    'Mountpoint Scope',
    'ClusterVolume=<nil> CreatedAt Driver Labels=map[] Mountpoint Name Options=map[] Scope Status=map[] UsageData=<nil>',
  ),
  struct(
    'Hostname AttachStdin Image',
    `Hostname Domainname User AttachStdin=false AttachStdout=false AttachStderr=false ExposedPorts=map[] Tty=false
    OpenStdin=false StdinOnce=false Env=[] Cmd=[] Healthcheck=<nil> ArgsEscaped=false Image Volumes=map[] WorkingDir
    Entrypoint=[] NetworkDisabled=false MacAddress OnBuild=[] Labels=map[] StopSignal StopTimeout=<nil> Shell=[]`,
  ),
  struct(
    'NetworkMode RestartPolicy Memory',
    `Binds=[] ContainerIDFile LogConfig NetworkMode PortBindings=map[] RestartPolicy AutoRemove=false VolumeDriver
    VolumesFrom=[] ConsoleSize Annotations=map[] CapAdd=[] CapDrop=[] CgroupnsMode Dns=[] DnsOptions=[] DnsSearch=[]
    ExtraHosts=[] GroupAdd=[] IpcMode Cgroup Links=[] OomScoreAdj=0 PidMode Privileged=false PublishAllPorts=false
    ReadonlyRootfs=false SecurityOpt=[] StorageOpt=map[] Tmpfs=map[] UTSMode UsernsMode ShmSize=0 Sysctls=map[] Runtime
    Isolation {
    CpuShares=0 Memory=0 NanoCpus=0 CgroupParent BlkioWeight=0 BlkioWeightDevice=[] BlkioDeviceReadBps=[]
    BlkioDeviceWriteBps=[] BlkioDeviceReadIOps=[] BlkioDeviceWriteIOps=[] CpuPeriod=0 CpuQuota=0 CpuRealtimePeriod=0
    CpuRealtimeRuntime=0 CpusetCpus CpusetMems Devices=[] DeviceCgroupRules=[] DeviceRequests=[] KernelMemory=0
    KernelMemoryTCP=0 MemoryReservation=0 MemorySwap=0 MemorySwappiness=<nil> OomKillDisable=<nil> PidsLimit=<nil>
    Ulimits=[] CpuCount=0 CpuPercent=0 IOMaximumIOps=0 IOMaximumBandwidth=0
    } Mounts=[] MaskedPaths=[] ReadonlyPaths=[] Init=<nil>`,
  ),
];

/** An API object that people print whole: Go shows its fields, where of a map it shows keys as well. */
export function goStructOf(value: Readonly<Record<string, unknown>>): readonly GoField[] | undefined {
  const keys = Object.keys(value);
  return STRUCTS.find(({ names, always }) => always.every((name) => name in value) && keys.every((k) => names.has(k)))
    ?.fields;
}

function struct(always: string, text: string): GoStruct {
  const words = text.split(/\s+/);
  const names = words.filter((word) => !'{}'.includes(word)).map((word) => word.replace(/=.*/, ''));
  return { fields: fieldsOf(words), names: new Set(names), always: always.split(' ') };
}

/** Takes words up to the end of the struct that they are in. */
function fieldsOf(words: string[]): GoField[] {
  const fields: GoField[] = [];
  for (let word = words.shift(); word !== undefined && word !== '}'; word = words.shift()) {
    if (word === '{') fields.push(fieldsOf(words));
    else fields.push({ name: word.replace(/=.*/, ''), zero: word.replace(/^[^=]*=?/, '') });
  }
  return fields;
}
