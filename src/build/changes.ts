import { WharfError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { ImageRunConfig } from '../core/oci.ts';
import type { Instruction } from './dockerfile/instructions.ts';
import { lexDockerfile, type RawInstruction } from './dockerfile/lex.ts';
import { parseInstruction } from './dockerfile/parse-instruction.ts';
import { Malformed } from './dockerfile/words.ts';
import { invalidChange } from './errors.ts';
import { expandWord } from './expand/expand.ts';
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
} from './solve/config.ts';

/** Instructions that only describe an image. */
const KNOWN = [
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'HEALTHCHECK',
  'LABEL',
  'ONBUILD',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
] as const;

/**
 * Reads Dockerfile instructions as `docker commit --change` and `docker import --change` take them, and gives what they do to an
 * image's config. All of them are checked before this returns. @throws {WharfError} `INVALID_CHANGE`
 */
export function configChanges(texts: readonly string[]): (config: ImageRunConfig) => ImageRunConfig {
  const steps = texts.filter((text) => text.trim() !== '').flatMap(parseChange);
  const apply = (config: ImageRunConfig): ImageRunConfig => {
    let changed = config;
    let cmdSet = false;
    for (const step of steps) {
      changed = change(changed, step, cmdSet);
      cmdSet ||= step.kind === 'cmd';
    }
    return changed;
  };
  apply({}); // what is wrong with ports, signals and variables is found now
  return apply;
}

function parseChange(text: string): Instruction[] {
  try {
    return lexDockerfile(text, 'change').instructions.map((raw) => {
      checkKnown(raw);
      return parseInstruction(raw, '\\');
    });
  } catch (e) {
    throw asInvalid(e);
  }
}

function checkKnown({ keyword }: RawInstruction): void {
  const word = keyword.toUpperCase();
  if ((KNOWN as readonly string[]).includes(word)) return;
  throw new Malformed(`${keyword} is not a valid change command${didYouMean(word, KNOWN)}`);
}

function change(config: ImageRunConfig, step: Instruction, cmdSet: boolean): ImageRunConfig {
  const lookup = (name: string): string | undefined =>
    config.Env?.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
  try {
    return changed(config, step, cmdSet, (word) => expandWord(word, lookup, '\\'));
  } catch (e) {
    throw asInvalid(e);
  }
}

function changed(
  config: ImageRunConfig,
  step: Instruction,
  cmdSet: boolean,
  expand: (word: string) => string,
): ImageRunConfig {
  switch (step.kind) {
    case 'cmd':
      return { ...config, Cmd: argvOf(step.command, config) };
    case 'entrypoint':
      return setEntrypoint(config, step.command, cmdSet);
    case 'env':
      return setEnv(
        config,
        step.pairs.map((p) => ({ name: expand(p.name), value: expand(p.value) })),
      );
    case 'label':
      return setLabels(
        config,
        step.pairs.map((p) => ({ name: expand(p.name), value: expand(p.value) })),
      );
    case 'expose':
      return exposePorts(
        config,
        step.ports.flatMap((port) => expand(port).split(/\s+/)).filter((port) => port !== ''),
      );
    case 'volume':
      return addVolumes(config, step.paths.map(expand));
    case 'user':
      return { ...config, User: expand(step.user) };
    case 'workdir':
      return { ...config, WorkingDir: workdirOf(config, expand(step.path)) };
    case 'stopsignal':
      return { ...config, StopSignal: checkSignal(expand(step.signal)) };
    case 'onbuild':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), step.trigger] };
    case 'healthcheck':
      return { ...config, Healthcheck: healthcheckOf(step) };
    default:
      throw new Malformed(`${step.kind} is not a valid change command`);
  }
}

function asInvalid(e: unknown): unknown {
  if (invalidChange.is(e)) return e;
  return e instanceof Malformed || e instanceof WharfError ? invalidChange({ why: e.message }, { cause: e }) : e;
}
