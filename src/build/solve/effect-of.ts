import { unreachable } from '../../core/errors.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import { expandWord } from '../expand/expand.ts';
import {
  addVolumes,
  argvOf,
  checkSignal,
  exposePorts,
  healthcheckOf,
  setEntrypoint,
  setEnv,
  setLabels,
  workdirOf,
} from './config.ts';
import { copyWork } from './copy-step.ts';
import { described, goDuration, quotedList } from './history.ts';
import type { Lane } from './output.ts';
import { runWork } from './run-step.ts';
import type { Session } from './session.ts';
import type { StageState } from './state.ts';
import { runConfigOf } from './state.ts';
import type { StepEffect } from './step-effect.ts';
import { workdirWork } from './workdir-step.ts';

/**
 * Decides what an instruction does to a stage, with its words expanded by the environment as it is before it.
 * @throws {WharfError} `EXPANSION_FAILED`, `BUILD_STEP_FAILED`
 */
export function effectOf(
  step: Instruction,
  state: StageState,
  stageIndex: number,
  session: Session,
  lane: Lane,
): StepEffect {
  const config = runConfigOf(state);
  const env = config.Env ?? [];
  const lookup = state.args.lookup(env);
  const { file, style } = session;
  const { escape } = file;
  const expand = (word: string) => expandWord(word, lookup, escape);
  const same = { config, args: state.args, cmdSet: state.cmdSet };
  const meta = (text: string, change: Partial<StepEffect>): StepEffect => ({
    ...same,
    createdBy: described(style, config, text),
    ...change,
  });
  switch (step.kind) {
    case 'arg': {
      const { scope, shown } = state.args.declare(step, env, escape);
      return meta(`ARG ${shown}`, { args: scope });
    }
    case 'env': {
      const pairs = step.pairs.map((p) => ({ name: expand(p.name), value: expand(p.value) }));
      return meta(`ENV ${pairs.map((p) => `${p.name}=${p.value}`).join(' ')}`, { config: setEnv(config, pairs) });
    }
    case 'label': {
      const pairs = step.pairs.map((p) => ({ name: expand(p.name), value: expand(p.value) }));
      const text = `LABEL ${pairs.map((p) => `${p.name}=${p.value}`).join(' ')}`;
      // Labels of the command line have no line.
      const untold = style === 'buildkit' && step.line === 0;
      return meta(text, { config: setLabels(config, pairs), ...(untold ? { createdBy: undefined } : {}) });
    }
    case 'cmd': {
      const argv = argvOf(step.command, config);
      const changed = { ...config, Cmd: argv, ...(style === 'buildkit' ? { ArgsEscaped: true } : {}) };
      return meta(`CMD ${quotedList(argv)}`, { config: changed, cmdSet: true });
    }
    case 'entrypoint':
      return meta(`ENTRYPOINT ${quotedList(argvOf(step.command, config))}`, {
        config: setEntrypoint(config, step.command, state.cmdSet),
      });
    case 'expose': {
      const ports = step.ports.flatMap((port) => expand(port).split(/\s+/)).filter((port) => port !== '');
      const shown = style === 'buildkit' ? goSet(exposePorts({}, ports).ExposedPorts) : ports.join(' ');
      return meta(`EXPOSE ${shown}`, { config: exposePorts(config, ports) });
    }
    case 'volume': {
      const paths = step.paths.map(expand);
      return meta(`VOLUME [${paths.join(' ')}]`, { config: addVolumes(config, paths) });
    }
    case 'user': {
      const user = expand(step.user);
      return meta(`USER ${user}`, { config: { ...config, User: user } });
    }
    case 'stopsignal': {
      const signal = checkSignal(expand(step.signal));
      return meta(`STOPSIGNAL ${signal}`, { config: { ...config, StopSignal: signal } });
    }
    case 'maintainer':
      return meta(`MAINTAINER ${step.name}`, { author: step.name });
    case 'shell':
      return meta(`SHELL [${step.shell.join(' ')}]`, { config: { ...config, Shell: [...step.shell] } });
    case 'onbuild':
      return meta(`ONBUILD ${step.trigger}`, {
        config: { ...config, OnBuild: [...(config.OnBuild ?? []), step.trigger] },
        ...(style === 'buildkit' ? { createdBy: undefined } : {}),
      });
    case 'healthcheck': {
      const health = healthcheckOf(step);
      const times = [step.intervalNanos, step.timeoutNanos, step.startPeriodNanos, step.startIntervalNanos];
      const shown = times.map((nanos) => JSON.stringify(goDuration(nanos))).join(' ');
      const retries = `'\\x${step.retries.toString(16).padStart(2, '0')}'`;
      return meta(`HEALTHCHECK &{${quotedList(health.Test ?? [])} ${shown} ${retries}}`, {
        config: { ...config, Healthcheck: health },
      });
    }
    case 'workdir': {
      const path = workdirOf(config, expand(step.path));
      return {
        ...meta('', { config: { ...config, WorkingDir: path } }),
        work: workdirWork(path, state, session, lane),
      };
    }
    case 'run':
      return { ...meta('', {}), work: runWork(step, state, stageIndex, lookup, session, lane) };
    case 'copy':
    case 'add':
      return { ...meta('', {}), work: copyWork(step, state, stageIndex, lookup, session, lane) };
    case 'from':
      throw new Error('FROM begins a stage');
    default:
      return unreachable(step);
  }
}

/** As Go prints a map of empty structs: `map[443/tcp:{} 80/tcp:{}]`. */
function goSet(set: Readonly<Record<string, unknown>> = {}): string {
  return `map[${Object.keys(set)
    .toSorted()
    .map((key) => `${key}:{}`)
    .join(' ')}]`;
}
