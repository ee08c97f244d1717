import type { Dockerfile, Instruction, Stage } from '../dockerfile/instructions.ts';
import type { CheckInput, Finding } from './finding.ts';
import { plainVariables, suggestion } from './file-rules.ts';

const SECRET = /^(apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)$/;
const NOT_SECRET = /^(public|file|version)$/;
const ONCE: ReadonlySet<string> = new Set(['cmd', 'entrypoint', 'healthcheck']);

/** What a stage hands on to those that continue it. */
interface Known {
  /** `undefined`: a base image whose environment is not known. */
  readonly variables: ReadonlySet<string> | undefined;
  readonly shell: boolean;
  readonly absolute: boolean;
}

/** Rules about the instructions of stages. */
export function checkStages(file: Dockerfile, input: CheckInput): Finding[] {
  const ends = new Map<string, Known>();
  return file.stages.flatMap((stage) => {
    const found: Finding[] = [];
    ends.set(stage.name ?? String(stage.index), checkStage(stage, startOf(stage, ends, input), input, found));
    return found;
  });
}

function startOf({ from }: Stage, ends: ReadonlyMap<string, Known>, input: CheckInput): Known {
  const before = ends.get(from.image.toLowerCase());
  if (before !== undefined) return before;
  if (from.image === 'scratch') return { variables: new Set(['PATH']), shell: false, absolute: false };
  const env = input.environmentOf?.(from.image);
  const names = env?.map((pair) => pair.split('=', 1)[0] ?? '');
  return {
    variables: names === undefined ? undefined : new Set(['PATH', ...names]),
    shell: false,
    absolute: false,
  };
}

function checkStage(stage: Stage, start: Known, input: CheckInput, found: Finding[]): Known {
  let { shell, absolute } = start;
  const variables = start.variables === undefined ? undefined : new Set(start.variables);
  const tell = (rule: Finding['rule'], message: string, { line, column, source }: Instruction, part = '') => {
    found.push({ rule, message, line, column: column + Math.max(0, part === '' ? 0 : source.indexOf(part)) });
  };
  for (const step of stage.steps) {
    if (variables !== undefined) {
      for (const name of wordsOf(step).flatMap(plainVariables)) {
        if (variables.has(name)) continue;
        const message = `Usage of undefined variable '$${name}'${suggestion(name, variables).replace('mean ', 'mean $')}`;
        tell('UndefinedVar', message, step, name);
      }
    }
    switch (step.kind) {
      case 'shell':
        shell = true;
        break;
      case 'maintainer':
        tell('MaintainerDeprecated', 'Maintainer instruction is deprecated in favor of using label', step);
        break;
      case 'workdir':
        // Only of the first one: when that is absolute, so are those that are relative to it.
        if (!absolute && !/^(\/|\$|"\/|[A-Za-z]:)/.test(step.path)) {
          const message = `Relative workdir ${JSON.stringify(step.path)} can have unexpected results if the base image changes`;
          tell('WorkdirRelativePath', message, step, step.path);
        }
        absolute = true;
        break;
      case 'env':
      case 'arg': {
        const names = step.kind === 'env' ? step.pairs.map((p) => p.name) : step.args.map((a) => a.name);
        for (const name of names) {
          variables?.add(name);
          const words = name.toLowerCase().split(/[_-]/);
          if (!words.some((word) => SECRET.test(word)) || words.some((word) => NOT_SECRET.test(word))) continue;
          const message = `Do not use ARG or ENV instructions for sensitive data (${step.kind.toUpperCase()} ${JSON.stringify(name)})`;
          tell('SecretsUsedInArgOrEnv', message, step, name);
        }
        break;
      }
      case 'cmd':
      case 'entrypoint':
        if (step.command.form === 'shell' && !shell) {
          const message = `JSON arguments recommended for ${step.kind.toUpperCase()} to prevent unintended behavior related to OS signals`;
          tell('JSONArgsRecommended', message, step);
        }
        break;
      case 'expose':
        for (const port of step.ports) checkPort(port, (rule, message) => tell(rule, message, step, port));
        break;
      case 'copy':
      case 'add':
        if (step.kind === 'add' || step.from === undefined) {
          for (const source of step.sources) {
            if (/[*?[$]|^https?:|^git[@:]/.test(source)) continue;
            const path = source.replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
            if (path === '' || path === '.' || !input.ignored.excludes(path)) continue;
            tell(
              'CopyIgnoredFile',
              `Attempting to ${step.kind === 'add' ? 'Add' : 'Copy'} file "${source}" that is excluded by .dockerignore`,
              step,
              source,
            );
          }
        }
        break;
      default:
    }
    if ((step.kind === 'env' || step.kind === 'label') && isLegacy(step.source)) {
      const keyword = step.kind.toUpperCase();
      tell(
        'LegacyKeyValueFormat',
        `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
        step,
      );
    }
  }
  for (const kind of ONCE) {
    for (const step of stage.steps.filter((s) => s.kind === kind).slice(0, -1)) {
      const keyword = kind.toUpperCase();
      const message = `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`;
      tell('MultipleInstructionsDisallowed', message, step);
    }
  }
  return { variables, shell, absolute };
}

/** Words of an instruction that the builder expands. */
function wordsOf(step: Instruction): readonly string[] {
  switch (step.kind) {
    case 'env':
    case 'label':
      return step.pairs.flatMap((p) => [p.name, p.value]);
    case 'arg':
      return step.args.flatMap((a) => a.value ?? []);
    case 'copy':
    case 'add':
      return [...step.sources, step.destination, step.chown ?? '', step.chmod ?? '', step.checksum ?? ''];
    case 'workdir':
      return [step.path];
    case 'user':
      return [step.user];
    case 'volume':
      return step.paths;
    case 'expose':
      return step.ports;
    case 'stopsignal':
      return [step.signal];
    default:
      return [];
  }
}

function checkPort(port: string, tell: (rule: Finding['rule'], message: string) => void): void {
  if (port.includes('$')) return;
  const [range = '', protocol = ''] = port.split('/');
  if (protocol !== protocol.toLowerCase()) {
    tell('ExposeProtoCasing', `Defined protocol '${port}' in EXPOSE instruction should be lowercase`);
  }
  if (range.includes(':')) {
    const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
    tell('ExposeInvalidFormat', message);
  }
}

/** `ENV key value`. */
function isLegacy(source: string): boolean {
  const first = /^\S+\s+(\S+)/.exec(source)?.[1] ?? '';
  return first !== '' && !first.includes('=');
}
