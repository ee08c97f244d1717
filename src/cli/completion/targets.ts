/** What stands at a place of a command line, for completion. */
export type Target =
  | 'container'
  | 'running'
  | 'stopped'
  | 'image'
  | 'network'
  | 'volume'
  | 'context'
  | 'object'
  | 'file'
  | 'folder'
  | 'copy'
  | 'nothing'
  | readonly string[];

/** Arguments of a command by its first spelling: one target for each place, the last one for all that follow. */
export const ARGUMENTS: Readonly<Record<string, readonly Target[]>> = {
  'container run': ['image', 'nothing'],
  'container create': ['image', 'nothing'],
  'container exec': ['running', 'nothing'],
  'container attach': ['running', 'nothing'],
  'container commit': ['container', 'image', 'nothing'],
  'container cp': ['copy', 'copy', 'nothing'],
  'container diff': ['container', 'nothing'],
  'container export': ['container', 'nothing'],
  'container inspect': ['container'],
  'container kill': ['running'],
  'container logs': ['container', 'nothing'],
  'container pause': ['running'],
  'container port': ['running', 'nothing'],
  'container rename': ['container', 'nothing'],
  'container restart': ['container'],
  'container rm': ['container'],
  'container start': ['stopped'],
  'container stats': ['running'],
  'container stop': ['running'],
  'container top': ['running', 'nothing'],
  'container unpause': ['container'],
  'container update': ['container'],
  'container wait': ['container'],
  inspect: ['object'],
  'image build': ['folder', 'nothing'],
  'image history': ['image', 'nothing'],
  'image import': ['file', 'image', 'nothing'],
  'image inspect': ['image'],
  'image ls': ['image', 'nothing'],
  'image pull': ['image', 'nothing'],
  'image push': ['image', 'nothing'],
  'image rm': ['image'],
  'image save': ['image'],
  'image tag': ['image', 'image', 'nothing'],
  'network connect': ['network', 'container', 'nothing'],
  'network disconnect': ['network', 'container', 'nothing'],
  'network inspect': ['network'],
  'network rm': ['network'],
  'volume inspect': ['volume'],
  'volume rm': ['volume'],
  'context export': ['context', 'file', 'nothing'],
  'context import': ['nothing', 'file', 'nothing'],
  'context inspect': ['context'],
  'context rm': ['context'],
  'context update': ['context', 'nothing'],
  'context use': ['context', 'nothing'],
  completion: [['bash', 'fish', 'zsh'], 'nothing'],
};

const SIGNALS = 'HUP INT QUIT KILL USR1 USR2 TERM CONT STOP WINCH'.split(' ').map((s) => `SIG${s}`);
const CAPABILITIES =
  'ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'.split(
    ' ',
  );
const TIMES = ['since=', 'until='];
const LABELS = ['label=', 'label!='];
const STATES = ['created', 'dead', 'exited', 'paused', 'removing', 'restarting', 'running'].map((s) => `status=${s}`);
const HEALTH = ['healthy', 'none', 'starting', 'unhealthy'].map((s) => `health=${s}`);
const EVENT_TYPES = ['builder', 'container', 'daemon', 'image', 'network', 'volume'].map((s) => `type=${s}`);

/** What `--filter` takes, by the command's first spelling. */
export const FILTERS: Readonly<Record<string, readonly string[]>> = {
  'container ls': [
    ...'ancestor= before= exited= expose= id= label= name= network= publish= since= volume='.split(' '),
    ...STATES,
    ...HEALTH,
  ],
  'container prune': ['until=', ...LABELS],
  'image ls': ['before=', 'dangling=false', 'dangling=true', 'label=', 'reference=', ...TIMES],
  'image prune': ['until=', ...LABELS],
  'network ls': ['driver=', 'id=', 'label=', 'name=', 'scope=local', 'type=builtin', 'type=custom'],
  'network prune': ['until=', ...LABELS],
  'volume ls': ['dangling=false', 'dangling=true', 'driver=', 'label=', 'name='],
  'volume prune': ['all=true', ...LABELS],
  'system prune': ['until=', ...LABELS],
  'system events': ['container=', 'event=', 'image=', 'label=', 'network=', 'volume=', ...EVENT_TYPES],
  'builder prune': ['until='],
  search: ['is-automated=', 'is-official=true', 'stars='],
};
const FORMATS = ['json', 'table'];

/** Values of options by their first name. An option that is not here takes something that nobody can guess. */
export const VALUES: Readonly<Record<string, Target>> = {
  attach: ['stderr', 'stdin', 'stdout'],
  'cap-add': CAPABILITIES,
  'cap-drop': CAPABILITIES,
  cgroupns: ['host', 'private'],
  cidfile: 'file',
  config: 'folder',
  context: 'context',
  device: 'file',
  driver: ['bridge'],
  'env-file': 'file',
  file: 'file',
  format: FORMATS,
  host: ['unix://', 'tcp://', 'ssh://'],
  iidfile: 'file',
  input: 'file',
  ipc: ['host', 'none', 'private', 'shareable'],
  'label-file': 'file',
  link: 'running',
  'log-driver': ['journald', 'json-file', 'local', 'none', 'syslog'],
  'log-level': ['debug', 'info', 'warn', 'error', 'fatal'],
  mount: ['type=bind,', 'type=image,', 'type=tmpfs,', 'type=volume,'],
  network: 'network',
  output: 'file',
  pid: ['host'],
  platform: ['linux/amd64', 'linux/arm64'],
  'project-directory': 'folder',
  pull: ['always', 'missing', 'never'],
  restart: ['always', 'no', 'on-failure', 'unless-stopped'],
  'security-opt': ['no-new-privileges', 'seccomp=', 'seccomp=unconfined', 'systempaths=unconfined'],
  signal: SIGNALS,
  'stop-signal': SIGNALS,
  tlscacert: 'file',
  tlscert: 'file',
  tlskey: 'file',
  type: ['container', 'image', 'network', 'volume'],
  userns: ['host'],
  uts: ['host'],
  volume: 'file',
  'volumes-from': 'container',
};
