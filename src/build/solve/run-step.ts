import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../core/digest.ts';
import { formatPlatform, hostPlatform } from '../../core/platform.ts';
import type { MountInput } from '../../runtime/index.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import type { Layer } from '../../storage/index.ts';
import { bodyOf, parseHeredocWord } from '../dockerfile/heredoc.ts';
import { messageOf, WharfError } from '../../core/errors.ts';
import { CommandFailed, stepFailed } from '../errors.ts';
import type { Lookup } from '../expand/expand.ts';
import { makeDirectories, resolveInRoot } from '../files/in-root.ts';
import { argvOf, DEFAULT_PATH, shellOf } from './config.ts';
import { runHistory } from './history.ts';
import type { Lane } from './output.ts';
import { CommandOutput } from './output.ts';
import { runContainer } from './run-container.ts';
import type { FoundMount } from './run-mounts.ts';
import { findMounts, prepareMounts } from './run-mounts.ts';
import type { Session } from './session.ts';
import { commitOptions, positionOf } from './session.ts';
import { openScratch } from './snapshot.ts';
import type { StageState } from './state.ts';
import { advance, runConfigOf, topOf } from './state.ts';
import type { FileWork } from './step-effect.ts';
import { missingMountPoints, removeMountPoints } from './mount-points.ts';

/** What a shell gives for a program that is not there. */
const NOT_FOUND = 127;
const SANDBOX = 'buildkitsandbox';

interface Script {
  readonly argv: readonly string[];
  /** A here-document that brings its own interpreter: a file to bind. */
  readonly file: { readonly path: string; readonly text: string } | undefined;
}

/** What RUN does: a container on top of the stage, whose changes are the layer. */
export function runWork(
  step: Instruction<'run'>,
  state: StageState,
  stageIndex: number,
  lookup: Lookup,
  session: Session,
  lane: Lane,
): FileWork {
  const config = runConfigOf(state);
  const workdir = config.WorkingDir || '/';
  const script = scriptOf(step, state);
  const ownEnv = config.Env ?? [];
  const args = state.args.inScope(ownEnv);
  const env = [...(ownEnv.some((v) => v.startsWith('PATH=')) ? [] : [DEFAULT_PATH]), ...ownEnv, ...args];
  const { style } = session;
  const shown = style === 'buildkit' && script.file !== undefined ? [...shellOf(config), ...script.argv] : script.argv;
  const createdBy = runHistory(style, shown, style === 'buildkit' ? state.args.declared(ownEnv) : args);
  if (step.network === 'host') checkHostNetwork(session);
  const networkMode = step.network === 'default' ? session.request.networkMode || 'default' : step.network;
  // The same one for everybody: what a command writes is not to depend on where it runs.
  const named = session.request.buildArgs['BUILDKIT_SANDBOX_HOSTNAME'] ?? undefined;
  const hostname = style === 'buildkit' ? (named ?? SANDBOX) : undefined;
  let found: Promise<FoundMount[]> | undefined;
  let mountKeys: (readonly unknown[])[] = [];
  const mounts = () => (found ??= findMounts(step, { stageIndex, workdir, lookup }, session, lane));

  return {
    createdBy: () => createdBy,
    ingredients: () => ({
      command: script.argv.join(' ').slice(0, 200),
      ...Object.fromEntries(env.map((pair) => [`variable ${pair.split('=', 1)[0]}`, shortened(pair)])),
      'working directory': workdir,
      user: config.User ?? '',
      network: networkMode,
      ...Object.fromEntries(
        mountKeys.map((key) => [`mount ${String(key[1])}`, sha256(JSON.stringify(key)).slice(7, 19)]),
      ),
    }),
    async *keys() {
      mountKeys = (await mounts()).map((m) => m.key);
      yield [
        'RUN',
        script.argv,
        script.file?.text,
        env,
        workdir,
        config.User ?? '',
        networkMode,
        mountKeys,
        ...(named === undefined ? [] : [named]),
      ];
    },
    async run() {
      const { storage } = session.parts.engine.parts;
      await using undo = new AsyncDisposableStack();
      const scratch = undo.use(await openScratch(storage.snapshots, topOf(state)));
      await makeDirectories(scratch.root, resolveInRoot(scratch.root, workdir));
      const { inputs, env: mounted } = await prepareMounts(await mounts(), session, undo);
      if (script.file !== undefined) inputs.push(await scriptMount(script.file, session));
      const made = missingMountPoints(
        scratch.root,
        inputs.map((m) => m.target),
      );
      const short = scratch.key.slice(-32, -20);
      lane.say(` ---> Running in ${short}\n`);
      const request = {
        id: scratch.key,
        argv: script.argv,
        env: [...env, ...state.args.proxies(ownEnv), ...mounted],
        cwd: workdir,
        user: config.User ?? '',
        mounts: inputs,
        networkMode,
        hostname,
        extraHosts: session.request.extraHosts,
        shmSizeBytes: session.request.shmSizeBytes,
        limits: session.request.limits,
      };
      const output = new CommandOutput(lane);
      const command = shown.join(' ');
      const around = { ...session, moreToCome: isFollowed(step, stageIndex, session) };
      const code = await session.limited(() =>
        runContainer(request, output, session.parts, around, session.signal).catch((e: unknown) => {
          throw style === 'buildkit' ? notStarted(e, command) : e;
        }),
      );
      const exitCode = output.notStarted ? NOT_FOUND : code;
      if (exitCode !== 0) {
        if (output.mentionsFormat) tellForeign(state, lane);
        const failure = new CommandFailed(command, exitCode, { at: positionOf(session, step) });
        if (session.request.extras?.keepFailed === true) {
          removeMountPoints(scratch.root, made);
          failure.image = await imageOf(await scratch.commit({}), env, state, session);
        }
        throw failure;
      }
      removeMountPoints(scratch.root, made);
      const layer = await scratch.commit(commitOptions(session));
      lane.say(` ---> Removed intermediate container ${short}\n`);
      return { layer, createdBy };
    },
  };
}

/** The network of the host is for those who build to give, not for a Dockerfile to take. @throws {WharfError} `BUILD_STEP_FAILED` */
function checkHostNetwork({ request }: Session): void {
  if (request.networkMode === 'host' || request.extras?.allow?.includes('network.host')) return;
  throw stepFailed({ message: 'network.host is not allowed: allow it with --allow network.host' });
}

/** A program that is not there or cannot be run, without what the runtime says around it. */
function notStarted(e: unknown, command: string): unknown {
  const why = /(exec: ".*": .*?)(?:: unknown)?$/s.exec(messageOf(e))?.[1];
  if (why === undefined || !(e instanceof WharfError)) return e;
  return stepFailed(
    { message: `process ${JSON.stringify(command)} did not complete successfully: ${why}` },
    { cause: e },
  );
}

/** What to do about a program of another processor that nothing here can run. */
function tellForeign({ config }: StageState, lane: Lane): void {
  const host = hostPlatform();
  if (config.architecture === host.architecture) return;
  const what = `this command is for ${formatPlatform(config)}, and this machine (${formatPlatform(host)}) has no emulator for it`;
  const how =
    'register one with binfmt_misc (on Debian: apt-get install qemu-user-static), or let the commands run in a stage FROM --platform=$BUILDPLATFORM that compiles for $TARGETARCH, and COPY --from it';
  lane.output('stderr', `${what}: ${how}\n`);
}

/** Whether another command comes after it in its stage. */
function isFollowed(step: Instruction<'run'>, stageIndex: number, { file }: Session): boolean {
  const steps = file.stages[stageIndex]?.steps ?? [];
  return steps.slice(steps.indexOf(step) + 1).some((next) => next.kind === 'run' && next.network === step.network);
}

/** An image without a name of what a command left that failed, with the variables that it had. */
async function imageOf(
  layer: Layer | null,
  env: readonly string[],
  state: StageState,
  session: Session,
): Promise<string> {
  const change = { config: { ...runConfigOf(state), Env: [...env] }, author: undefined, style: session.style };
  const createdBy = 'what a failing build step left';
  const { config, chain } = advance(state, change, { layer, createdBy }, new Date().toISOString());
  const { id } = await session.parts.engine.images.create({ config, chain, tags: [] });
  return id;
}

/** A variable's value as a message can show it. */
function shortened(pair: string): string {
  const value = pair.slice(pair.indexOf('=') + 1);
  return value.length > 60 ? `${value.slice(0, 57)}...` : value;
}

/** The command line, with here-documents as their reader expects them: the builder never expands their variables. */
function scriptOf(step: Instruction<'run'>, state: StageState): Script {
  const config = runConfigOf(state);
  const [first] = step.heredocs;
  if (first === undefined || step.command.form === 'exec')
    return { argv: argvOf(step.command, config), file: undefined };
  const { text } = step.command;
  if (parseHeredocWord(text) === undefined) {
    const whole = step.heredocs
      .reduce((sum, { body, name }) => `${sum}\n${body}${name}`, text)
      .replaceAll('\r\n', '\n');
    return { argv: [...shellOf(config), whole], file: undefined };
  }
  // An interpreter would take carriage returns for part of the commands.
  const body = bodyOf(first).replaceAll('\r\n', '\n');
  if (!body.startsWith('#!')) return { argv: [...shellOf(config), body], file: undefined };
  const path = `/dev/pipes/${first.name.replaceAll('/', '_')}`;
  return { argv: [path], file: { path, text: body } };
}

async function scriptMount(
  file: { readonly path: string; readonly text: string },
  session: Session,
): Promise<MountInput> {
  const source = join(await session.scratchDirectory(), 'script');
  await writeFile(source, file.text);
  await chmod(source, 0o755);
  return { kind: 'bind', source, target: file.path, readOnly: true, recursive: false, propagation: 'rprivate' };
}
