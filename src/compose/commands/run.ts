import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Context } from '../context.ts';
import { hands } from '../apply/hands.ts';
import { observe } from '../apply/observe.ts';
import { runSteps } from '../apply/run-steps.ts';
import { waitForService } from '../apply/wait-for.ts';
import type { Project } from '../model/project.ts';
import type { Progress } from '../output/progress.ts';
import type { ImageFacts } from '../plan/container-wish.ts';
import { planUp } from '../plan/plan-up.ts';
import { refuseUnsupported } from '../plan/unsupported.ts';
import { createContainer, writeFiles } from '../apply/create-container.ts';
import { ensureImages } from '../apply/images.ts';
import { interact } from '../apply/interactive.ts';
import { up } from '../apply/up.ts';
import { command, noSuchService } from '../context.ts';
import { composeInputMissing, composeUsage } from '../errors.ts';
import type { ComposeIo } from '../io.ts';
import { parseDotenv } from '../load/dotenv.ts';
import { pullFlag } from '../flags.ts';
import { newId } from '../../core/ids.ts';
import { inDependencyOrder, withDependencies } from '../load/index.ts';
import { parsePort, PortError } from '../load/short-ports.ts';
import { parseVolume, VolumeError } from '../load/short-volumes.ts';
import { ShellWordsError, splitWords } from '../load/shell-words.ts';
import type { Port, Service, ServiceVolume } from '../model/service.ts';

export default command({
  usage: 'run [OPTIONS] SERVICE [COMMAND] [ARGS...]',
  summary: 'Run a one-off command on a service',
  stopAtFirst: true,
  flags: {
    build: { names: '--build', help: 'Build image before starting container' },
    capAdd: { names: '--cap-add', value: 'list', many: true, help: 'Add Linux capabilities' },
    capDrop: { names: '--cap-drop', value: 'list', many: true, help: 'Drop Linux capabilities' },
    detach: { names: '-d, --detach', help: 'Run container in background and print container ID' },
    entrypoint: { names: '--entrypoint', value: 'string', help: 'Override the entrypoint of the image' },
    env: { names: '-e, --env', value: 'stringArray', many: true, help: 'Set environment variables' },
    envFromFile: {
      names: '--env-from-file',
      value: 'stringArray',
      many: true,
      help: 'Set environment variables from file',
    },
    interactive: { names: '-i, --interactive', help: 'Keep STDIN open even if not attached (default true)' },
    label: { names: '-l, --label, --labels', value: 'stringArray', many: true, help: 'Add or override a label' },
    name: { names: '--name', value: 'string', help: 'Assign a name to the container' },
    noDeps: { names: '--no-deps', help: "Don't start linked services" },
    noTty: { names: '-T, --no-tty, --no-TTY', help: 'Disable pseudo-TTY allocation' },
    publish: {
      names: '-p, --publish',
      value: 'stringArray',
      many: true,
      help: "Publish a container's port(s) to the host",
    },
    pull: { names: '--pull', value: 'string', help: 'Pull image before running' },
    quiet: { names: '-q, --quiet', help: "Don't print anything to STDOUT" },
    quietBuild: { names: '--quiet-build', help: 'Suppress progress output from the build process' },
    quietPull: { names: '--quiet-pull', help: 'Pull without printing progress information' },
    removeOrphans: {
      names: '--remove-orphans',
      help: 'Remove containers for services not defined in the Compose file',
    },
    rm: { names: '--rm', help: 'Automatically remove the container when it exits' },
    servicePorts: {
      names: '-P, --service-ports',
      help: "Run command with all service's ports enabled and mapped to the host",
    },
    useAliases: { names: '--use-aliases', help: "Use the service's network aliases" },
    user: { names: '-u, --user', value: 'string', help: 'Run as specified username or uid' },
    volume: { names: '-v, --volume, --volumes', value: 'stringArray', many: true, help: 'Bind mount a volume' },
    workdir: { names: '-w, --workdir', value: 'string', help: 'Working directory inside the container' },
  },
  async run(context, { flags, args, given }) {
    const [name, ...cmd] = args;
    if (name === undefined)
      throw composeUsage({ message: '"wharf compose run" requires at least 1 argument: SERVICE [COMMAND] [ARGS...]' });
    if (flags.servicePorts && flags.publish.length > 0)
      throw composeUsage({ message: '--service-ports and --publish are incompatible' });
    const { client, io } = context;
    const project = await context.project([name]);
    const service = project.services[name];
    if (!service) throw noSuchService(name, Object.keys(project.services));
    refuseUnsupported(project, [name]);
    const tty = !flags.noTty && !flags.detach && io.stdin.isTTY === true && io.stdout.isTTY === true;
    const stdin = !given.has('interactive') || flags.interactive;
    const fromFiles = await variablesOf(flags.envFromFile, io);
    const definition = oneOff(service, cmd, flags, {
      tty,
      stdin,
      fromFiles,
      baseDirectory: io.cwd,
      home: io.env['HOME'],
      env: io.env,
    });
    const needed = withDependencies(Object.keys(service.depends_on ?? {}), project.services);
    const networks = { ...project, services: { ...project.services, [name]: definition } };
    using progress = context.progress('Running', { quiet: flags.quiet });
    const warn = (text: string): void => context.warn(text);
    const image = await ensureImages(
      client,
      project,
      [name],
      { build: flags.build, pull: pullFlag(flags.pull), quietPull: flags.quietPull, quietBuild: flags.quietBuild },
      progress,
      io.signal,
    );
    // The service itself is planned with no containers wanted: that makes its networks and volumes, and awaits what it needs.
    const scale = new Map(
      flags.noDeps ? [] : inDependencyOrder(project.services).flatMap((s) => (needed.has(s) ? [] : [[s, 0] as const])),
    );
    if (!flags.noDeps && needed.size > 0) {
      await up(
        client,
        project,
        {
          services: needed,
          named: needed,
          quietPull: flags.quietPull,
          removeOrphans: flags.removeOrphans,
          ignoreOrphans: true,
          scale,
        },
        progress,
        warn,
        io.signal,
      );
      await awaitNeeds(context, project.name, service, progress);
    }
    await prepareResources(context, networks, name, image, progress);
    const facts = image.get(name);
    if (!facts) throw new Error(`no image for ${name}`);
    const slug = newId();
    const id = await createContainer(client, {
      project: networks,
      service: name,
      definition,
      name: flags.name ?? `${project.name}-${name}-run-${slug.slice(0, 12)}`,
      number: undefined,
      image: facts,
      // Nobody is there to remove it afterwards.
      oneOff: { slug, useAliases: flags.useAliases, autoRemove: flags.rm && flags.detach, attached: !flags.detach },
    });
    await writeFiles(client, id, { project: networks, service: name, definition });
    progress.close();
    if (flags.detach) {
      await client.containers.start(id);
      context.print(id);
      return 0;
    }
    try {
      const stream = await client.containers.attach(id, { stdin, stdout: true, stderr: true, stream: true });
      const { done } = await client.containers.wait(id, 'next-exit');
      const stop = (): void => void client.containers.stop(id).catch(() => undefined);
      io.signal.addEventListener('abort', stop, { once: true });
      await client.containers.start(id);
      await interact(stream, io, {
        tty,
        stdin,
        resize: (rows, columns) => client.containers.resize(id, rows, columns),
      });
      const { StatusCode } = await done;
      io.signal.removeEventListener('abort', stop);
      return StatusCode;
    } finally {
      if (flags.rm) await client.containers.remove(id, { force: true, volumes: true }).catch(() => undefined);
    }
  },
});

/** Makes the networks and volumes that the one-off container needs, and no container. */
async function prepareResources(
  context: Context,
  project: Project,
  name: string,
  images: ReadonlyMap<string, ImageFacts>,
  progress: Progress,
): Promise<void> {
  const observed = await observe(context.client, project);
  const plan = planUp(
    project,
    { ...observed, containers: [] },
    { services: new Set([name]), named: new Set([name]), scale: new Map([[name, 0]]), images },
  );
  const doing = hands({
    client: context.client,
    project,
    images,
    observed: [],
    progress,
    warn: (t) => context.warn(t),
    timeoutSeconds: undefined,
    renewAnonymousVolumes: false,
    signal: context.io.signal,
  });
  await runSteps(plan.prepare, doing, context.io.signal);
}

async function awaitNeeds(context: Context, project: string, service: Service, progress: Progress): Promise<void> {
  for (const [dependency, { condition, required }] of Object.entries(service.depends_on ?? {})) {
    if (condition === 'service_started') continue;
    try {
      await waitForService(context.client, project, dependency, condition, progress, context.io.signal);
    } catch (e) {
      if (required) throw e;
    }
  }
}

interface RunFlags {
  readonly env: readonly string[];
  readonly volume: readonly string[];
  readonly publish: readonly string[];
  readonly label: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly servicePorts: boolean;
  readonly entrypoint: string | undefined;
  readonly user: string | undefined;
  readonly workdir: string | undefined;
}

/** The service as a one-off container runs it. Source: compose.md 5.9. */
function oneOff(
  service: Service,
  cmd: readonly string[],
  flags: RunFlags,
  at: {
    readonly tty: boolean;
    readonly stdin: boolean;
    /** Variables of `--env-from-file`. */
    readonly fromFiles: Readonly<Record<string, string>>;
    readonly baseDirectory: string;
    readonly home: string | undefined;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Service {
  const { ports, restart: _restart, container_name: _name, deploy, command: own, entrypoint, ...rest } = service;
  const { restart_policy: _policy, replicas: _replicas, ...kept } = deploy ?? {};
  const environment = Object.fromEntries(
    flags.env.map((e) => {
      const equals = e.indexOf('=');
      return equals < 0 ? [e, at.env[e] ?? null] : [e.slice(0, equals), e.slice(equals + 1)];
    }),
  );
  const labels = Object.fromEntries(flags.label.map((l) => [l.split('=')[0] ?? l, l.split('=').slice(1).join('=')]));
  const command = cmd.length > 0 ? cmd : flags.entrypoint === undefined ? own : undefined;
  const start = flags.entrypoint === undefined ? entrypoint : usage(() => splitWords(flags.entrypoint ?? '').words);
  const published: readonly Port[] = flags.servicePorts ? (ports ?? []) : usage(() => flags.publish.flatMap(parsePort));
  const volumes: ServiceVolume[] = usage(() => flags.volume.map((v) => parseVolume(v, at)));
  const targets = new Set(volumes.map((v) => v.target));
  return {
    ...rest,
    ...(deploy ? { deploy: kept } : {}),
    ...(command ? { command } : {}),
    ...(start ? { entrypoint: start } : {}),
    ...(published.length > 0 ? { ports: published } : {}),
    environment: { ...service.environment, ...at.fromFiles, ...environment },
    labels: { ...service.labels, ...labels },
    volumes: [...(service.volumes ?? []).filter((v) => !targets.has(v.target)), ...volumes],
    cap_add: [...(service.cap_add ?? []), ...flags.capAdd],
    cap_drop: [...(service.cap_drop ?? []), ...flags.capDrop],
    tty: at.tty,
    stdin_open: at.stdin,
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.workdir === undefined ? {} : { working_dir: flags.workdir }),
  };
}

/** What environment files say, later ones over earlier. @throws {WharfError} `COMPOSE_INPUT_MISSING` */
async function variablesOf(files: readonly string[], io: ComposeIo): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const file of files) {
    const path = posix.resolve(io.cwd, file);
    const text = await readFile(path, 'utf8').catch((e: unknown) => {
      throw composeInputMissing({ message: `couldn't find env file: ${path}` }, { cause: e });
    });
    const known = (name: string): string | undefined => io.env[name] ?? found[name];
    for (const [key, value] of parseDotenv(text, known)) found[key] = value;
  }
  return found;
}

/** Mistakes in flags are mistakes of usage. */
function usage<T>(read: () => T): T {
  try {
    return read();
  } catch (e) {
    if (e instanceof PortError || e instanceof VolumeError || e instanceof ShellWordsError)
      throw composeUsage({ message: e.message });
    throw e;
  }
}
