import type { Command } from './command.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- each command knows its own options
type AnyCommand = Command<any>;
type Load = () => Promise<AnyCommand>;

export interface Entry {
  readonly summary: string;
  readonly load: Load;
  /** Where help lists it: among the common commands, among the others, or nowhere. */
  readonly section?: 'common' | 'hidden';
  /** Every way to type it, the grouped spelling first. */
  readonly paths: readonly string[];
}

const entry = (paths: string, summary: string, load: Load, section?: Entry['section']): Entry => ({
  paths: paths.split(', '),
  summary,
  load,
  ...(section === undefined ? {} : { section }),
});

/** All commands; each is loaded when it is used. */
export const CATALOG: readonly Entry[] = [
  entry(
    'container run, run',
    'Create and run a new container from an image',
    async () => (await import('./commands/run.ts')).run,
    'common',
  ),
  entry(
    'container exec, exec',
    'Execute a command in a running container',
    async () => (await import('./commands/exec.ts')).exec,
    'common',
  ),
  entry(
    'container ls, container list, container ps, ps',
    'List containers',
    async () => (await import('./commands/ps.ts')).ps,
    'common',
  ),
  entry(
    'image build, build, builder build',
    'Build an image from a Dockerfile',
    async () => (await import('./commands/build.ts')).build,
    'common',
  ),
  entry(
    'image pull, pull',
    'Download an image from a registry',
    async () => (await import('./commands/pull.ts')).pull,
    'common',
  ),
  entry(
    'image push, push',
    'Upload an image to a registry',
    async () => (await import('./commands/push.ts')).push,
    'common',
  ),
  entry(
    'image ls, image list, images',
    'List images',
    async () => (await import('./commands/images.ts')).images,
    'common',
  ),
  entry('login', 'Authenticate to a registry', async () => (await import('./commands/login.ts')).login, 'common'),
  entry('logout', 'Log out from a registry', async () => (await import('./commands/login.ts')).logout, 'common'),
  entry(
    'version',
    'Show the version information',
    async () => (await import('./commands/version.ts')).version,
    'common',
  ),
  entry(
    'system info, info',
    'Display system-wide information',
    async () => (await import('./commands/info.ts')).info,
    'common',
  ),
  entry(
    'doctor',
    'Check this machine and the engine, and say what to do',
    async () => (await import('./commands/doctor.ts')).doctor,
    'common',
  ),

  ...(['install', 'uninstall'] as const).flatMap((key) => [
    entry(
      `alias ${key}`,
      key === 'install' ? 'Write short aliases into the start-up files of bash and zsh' : 'Take the aliases out again',
      async () => (await import('./commands/alias.ts'))[key],
    ),
    entry(
      `docker-shim ${key}`,
      key === 'install' ? 'Make docker and docker-compose call wharf' : 'Take that back',
      async () => (await import('./commands/docker-shim.ts'))[key],
    ),
  ]),
  entry(
    'completion',
    'Generate completion for bash, zsh or fish',
    async () => (await import('./commands/completion.ts')).completion,
  ),
  entry(
    'container attach, attach',
    'Attach local standard input, output, and error streams to a running container',
    async () => (await import('./commands/attach.ts')).attach,
  ),
  entry(
    'container commit, commit',
    "Create a new image from a container's changes",
    async () => (await import('./commands/commit.ts')).commit,
  ),
  entry(
    'container cp, cp',
    'Copy files/folders between a container and the local filesystem',
    async () => (await import('./commands/cp.ts')).cp,
  ),
  entry(
    'container create, create',
    'Create a new container',
    async () => (await import('./commands/create.ts')).create,
  ),
  entry(
    'container diff, diff',
    "Inspect changes to files or directories on a container's filesystem",
    async () => (await import('./commands/diff.ts')).diff,
  ),
  entry(
    'system events, events',
    'Get real time events from the server',
    async () => (await import('./commands/events.ts')).events,
  ),
  entry(
    'container export, export',
    "Export a container's filesystem as a tar archive",
    async () => (await import('./commands/export.ts')).exportContainer,
  ),
  entry(
    'image history, history',
    'Show the history of an image',
    async () => (await import('./commands/history.ts')).history,
  ),
  entry(
    'image import, import',
    'Import the contents from a tarball to create a filesystem image',
    async () => (await import('./commands/import.ts')).importImage,
  ),
  entry(
    'inspect',
    'Return low-level information on objects',
    async () => (await import('./commands/inspect.ts')).inspect,
  ),
  entry(
    'container kill, kill',
    'Kill one or more running containers',
    async () => (await import('./commands/kill.ts')).kill,
  ),
  entry(
    'image load, load',
    'Load an image from a tar archive or STDIN',
    async () => (await import('./commands/load.ts')).load,
  ),
  entry('container logs, logs', 'Fetch the logs of a container', async () => (await import('./commands/logs.ts')).logs),
  entry(
    'container pause, pause',
    'Pause all processes within one or more containers',
    async () => (await import('./commands/pause.ts')).pause,
  ),
  entry(
    'container port, port',
    'List port mappings or a specific mapping for the container',
    async () => (await import('./commands/port.ts')).port,
  ),
  entry('container rename, rename', 'Rename a container', async () => (await import('./commands/rename.ts')).rename),
  entry(
    'container restart, restart',
    'Restart one or more containers',
    async () => (await import('./commands/stop.ts')).restart,
  ),
  entry(
    'container rm, container remove, rm',
    'Remove one or more containers',
    async () => (await import('./commands/rm.ts')).rm,
  ),
  entry(
    'image rm, image remove, rmi',
    'Remove one or more images',
    async () => (await import('./commands/rmi.ts')).rmi,
  ),
  entry(
    'image save, save',
    'Save one or more images to a tar archive (streamed to STDOUT by default)',
    async () => (await import('./commands/save.ts')).save,
  ),
  entry(
    'container start, start',
    'Start one or more stopped containers',
    async () => (await import('./commands/start.ts')).start,
  ),
  entry(
    'container stats, stats',
    'Display a live stream of container(s) resource usage statistics',
    async () => (await import('./commands/stats.ts')).stats,
  ),
  entry(
    'container stop, stop',
    'Stop one or more running containers',
    async () => (await import('./commands/stop.ts')).stop,
  ),
  entry(
    'image tag, tag',
    'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
    async () => (await import('./commands/tag.ts')).tag,
  ),
  entry(
    'container top, top',
    'Display the running processes of a container',
    async () => (await import('./commands/top.ts')).top,
  ),
  entry(
    'container unpause, unpause',
    'Unpause all processes within one or more containers',
    async () => (await import('./commands/pause.ts')).unpause,
  ),
  entry(
    'container update, update',
    'Update configuration of one or more containers',
    async () => (await import('./commands/update.ts')).update,
  ),
  entry(
    'container wait, wait',
    'Block until one or more containers stop, then print their exit codes',
    async () => (await import('./commands/wait.ts')).wait,
  ),

  entry('container inspect', 'Display detailed information on one or more containers', async () =>
    (await import('./commands/inspect.ts')).inspectOnly('container'),
  ),
  entry(
    'container prune',
    'Remove all stopped containers',
    async () => (await import('./commands/prune.ts')).containerPrune,
  ),
  entry('image inspect', 'Display detailed information on one or more images', async () =>
    (await import('./commands/inspect.ts')).inspectOnly('image'),
  ),
  entry('builder du', 'Show what the build cache takes', async () => (await import('./commands/builder.ts')).du),
  entry(
    'builder inspect',
    'Show a build of the past, step by step',
    async () => (await import('./commands/builder.ts')).inspect,
  ),
  entry('builder logs', 'Show what a build of the past said', async () => (await import('./commands/builder.ts')).logs),
  entry(
    'builder ls, builder list',
    'List builds of the past',
    async () => (await import('./commands/builder.ts')).list,
  ),
  entry('builder prune', 'Remove build cache', async () => (await import('./commands/builder.ts')).prune),
  entry('builder rm', 'Forget builds of the past', async () => (await import('./commands/builder.ts')).remove),
  entry(
    'image layers',
    'Show what each layer of an image adds, changes, deletes and wastes',
    async () => (await import('./commands/image-layers.ts')).imageLayers,
  ),
  entry(
    'image diff',
    'Show how the files of two images differ',
    async () => (await import('./commands/image-diff.ts')).imageDiff,
  ),
  entry('image prune', 'Remove unused images', async () => (await import('./commands/prune.ts')).imagePrune),
  entry(
    'network connect',
    'Connect a container to a network',
    async () => (await import('./commands/network-connect.ts')).connect,
  ),
  entry('network create', 'Create a network', async () => (await import('./commands/network-create.ts')).create),
  entry(
    'network disconnect',
    'Disconnect a container from a network',
    async () => (await import('./commands/network-connect.ts')).disconnect,
  ),
  entry('network inspect', 'Display detailed information on one or more networks', async () =>
    (await import('./commands/inspect.ts')).inspectOnly('network'),
  ),
  entry('network ls, network list', 'List networks', async () => (await import('./commands/network-ls.ts')).list),
  entry('network prune', 'Remove all unused networks', async () => (await import('./commands/prune.ts')).networkPrune),
  entry(
    'network rm, network remove',
    'Remove one or more networks',
    async () => (await import('./commands/network-rm.ts')).remove,
  ),
  entry(
    'manifest annotate',
    'Add additional information to a local image manifest',
    async () => (await import('./commands/manifest-annotate.ts')).manifestAnnotate,
  ),
  entry(
    'manifest create',
    'Create a local manifest list for annotating and pushing to a registry',
    async () => (await import('./commands/manifest-create.ts')).manifestCreate,
  ),
  entry(
    'manifest push',
    'Push a manifest list to a repository',
    async () => (await import('./commands/manifest-push.ts')).manifestPush,
  ),
  entry(
    'manifest rm',
    'Delete one or more manifest lists from local storage',
    async () => (await import('./commands/manifest-rm.ts')).manifestRm,
  ),
  entry(
    'manifest inspect',
    'Display an image manifest, or manifest list',
    async () => (await import('./commands/manifest-inspect.ts')).manifestInspect,
  ),
  entry('search', 'Search Docker Hub for images', async () => (await import('./commands/search.ts')).search, 'common'),
  entry(
    'registry serve',
    'Serve images to others, as a registry of your own',
    async () => (await import('./commands/registry-serve.ts')).registryServe,
  ),
  ...(
    [
      ['create', 'Create a context', 'create'],
      ['inspect', 'Display detailed information on one or more contexts', 'inspect'],
      ['ls, context list', 'List contexts', 'list'],
      ['rm, context remove', 'Remove one or more contexts', 'remove'],
      ['show', 'Print the name of the current context', 'show'],
      ['update', 'Update a context', 'update'],
      ['use', 'Set the current docker context', 'use'],
    ] as const
  ).map(([names, summary, key]) =>
    entry(`context ${names}`, summary, async () => (await import('./commands/context.ts'))[key]),
  ),
  entry(
    'context export',
    'Export a context to a tar archive FILE or a tar stream on STDOUT.',
    async () => (await import('./commands/context-transfer.ts')).exportContext,
  ),
  entry(
    'context import',
    'Import a context from a tar or zip file',
    async () => (await import('./commands/context-transfer.ts')).importContext,
  ),
  entry(
    'system dial-stdio',
    "Proxy the stdio stream to the engine's socket",
    async () => (await import('./commands/dial-stdio.ts')).dialStdio,
    'hidden',
  ),
  entry('system df', 'Show disk usage', async () => (await import('./commands/system-df.ts')).df),
  entry('system prune', 'Remove unused data', async () => (await import('./commands/prune.ts')).systemPrune),
  entry('volume create', 'Create a volume', async () => (await import('./commands/volume-create.ts')).create),
  entry('volume inspect', 'Display detailed information on one or more volumes', async () =>
    (await import('./commands/inspect.ts')).inspectOnly('volume'),
  ),
  entry('volume ls, volume list', 'List volumes', async () => (await import('./commands/volume-ls.ts')).list),
  entry('volume prune', 'Remove unused local volumes', async () => (await import('./commands/prune.ts')).volumePrune),
  entry(
    'volume rm, volume remove',
    'Remove one or more volumes',
    async () => (await import('./commands/volume-rm.ts')).remove,
  ),
];

/** Commands that have commands. `compose` is one too, with a grammar of its own. */
export const GROUPS: Readonly<Record<string, string>> = {
  alias: 'Short aliases for compose commands',
  builder: 'Manage builds',
  compose: 'Define and run multi-container applications',
  container: 'Manage containers',
  context: 'Manage contexts: engines by name',
  'docker-shim': 'The names docker and docker-compose',
  image: 'Manage images',
  manifest: 'Manage image manifests and manifest lists',
  network: 'Manage networks',
  registry: 'Run a registry',
  system: 'Manage the engine',
  volume: 'Manage volumes',
};

/** The command for the words typed, and how many of them name it. */
export function findCommand(words: readonly string[]): { entry: Entry; length: number } | undefined {
  for (const length of [2, 1]) {
    if (words.length < length) continue;
    const path = words.slice(0, length).join(' ');
    const entry = CATALOG.find((e) => e.paths.includes(path));
    if (entry !== undefined) return { entry, length };
  }
  return undefined;
}
