import { nearest } from '../../core/nearest.ts';
import type { EscapeCharacter } from './directives.ts';
import { parseGoDuration } from '../../core/go-duration.ts';
import type { Command, CopySpec, HealthcheckSpec, Instruction, InstructionKind, Located } from './instructions.ts';
import type { RawInstruction } from './lex.ts';
import { parseRunMount } from './run-mount.ts';
import type { Flag } from './words.ts';
import { Malformed, parseExecForm, parsePairs, splitBlanks, splitQuoted, takeFlags } from './words.ts';

interface Text {
  readonly raw: RawInstruction;
  readonly at: Located;
  /** What follows keyword and flags. */
  readonly rest: string;
  readonly escape: EscapeCharacter;
}
interface Row<K extends InstructionKind> {
  /** Flags that it knows: with a value once, with a value several times, or a boolean. */
  readonly flags: Readonly<Record<string, 'once' | 'many' | 'boolean'>>;
  readonly parse: (text: Text, flags: Flags) => Instruction<K>;
}

/** The flags given, already checked against the row. */
class Flags {
  readonly #given: readonly Flag[];
  constructor(given: readonly Flag[]) {
    this.#given = given;
  }
  one(name: string): string | undefined {
    return this.#given.find((f) => f.name === name)?.value;
  }
  all(name: string): string[] {
    return this.#given.filter((f) => f.name === name).map((f) => f.value ?? '');
  }
  boolean(name: string): boolean | undefined {
    const flag = this.#given.find((f) => f.name === name);
    return flag === undefined ? undefined : (flag.value ?? 'true').toLowerCase() === 'true';
  }
}

const COPY_FLAGS = {
  from: 'once',
  chown: 'once',
  chmod: 'once',
  link: 'boolean',
  parents: 'boolean',
  exclude: 'many',
} as const;
const ADD_FLAGS = {
  chown: 'once',
  chmod: 'once',
  link: 'boolean',
  exclude: 'many',
  checksum: 'once',
  'keep-git-dir': 'boolean',
  unpack: 'boolean',
} as const;
const NONE = {} as const;

const TABLE: { readonly [K in InstructionKind]: Row<K> } = {
  from: { flags: { platform: 'once' }, parse: parseFrom },
  arg: {
    flags: NONE,
    parse: ({ at, rest, escape }) => {
      const words = splitQuoted(required('ARG', rest), escape);
      const args = words.map((word) => {
        const equals = word.indexOf('=');
        if (equals === 0) throw new Malformed('ARG names can not be blank');
        return equals < 0
          ? { name: word, value: undefined }
          : { name: word.slice(0, equals), value: word.slice(equals + 1) };
      });
      return { kind: 'arg', args, ...at };
    },
  },
  run: { flags: { mount: 'many', network: 'once', security: 'once', device: 'many' }, parse: parseRun },
  cmd: { flags: NONE, parse: ({ at, rest }) => ({ kind: 'cmd', command: commandOf(required('CMD', rest)), ...at }) },
  entrypoint: {
    flags: NONE,
    parse: ({ at, rest }) => ({ kind: 'entrypoint', command: commandOf(required('ENTRYPOINT', rest)), ...at }),
  },
  env: {
    flags: NONE,
    parse: ({ at, rest, escape }) => ({ kind: 'env', pairs: parsePairs('ENV', rest, escape), ...at }),
  },
  label: {
    flags: NONE,
    parse: ({ at, rest, escape }) => ({ kind: 'label', pairs: parsePairs('LABEL', rest, escape), ...at }),
  },
  copy: {
    flags: COPY_FLAGS,
    parse: (text, flags) => ({ kind: 'copy', ...parseCopy('COPY', text, flags), ...text.at }),
  },
  add: { flags: ADD_FLAGS, parse: (text, flags) => ({ kind: 'add', ...parseCopy('ADD', text, flags), ...text.at }) },
  workdir: { flags: NONE, parse: ({ at, rest }) => ({ kind: 'workdir', path: exactlyOne('WORKDIR', rest), ...at }) },
  expose: {
    flags: NONE,
    parse: ({ at, rest }) => ({ kind: 'expose', ports: splitBlanks(required('EXPOSE', rest)), ...at }),
  },
  volume: {
    flags: NONE,
    parse: ({ at, rest }) => {
      const paths = parseExecForm(required('VOLUME', rest)) ?? splitBlanks(rest);
      if (paths.length === 0) throw new Malformed('VOLUME requires at least one argument');
      if (paths.some((p) => p.trim() === '')) throw new Malformed('VOLUME specified can not be an empty string');
      return { kind: 'volume', paths, ...at };
    },
  },
  user: { flags: NONE, parse: ({ at, rest }) => ({ kind: 'user', user: exactlyOne('USER', rest), ...at }) },
  maintainer: {
    flags: NONE,
    parse: ({ at, rest }) => ({ kind: 'maintainer', name: exactlyOne('MAINTAINER', rest), ...at }),
  },
  healthcheck: {
    flags: { interval: 'once', timeout: 'once', 'start-period': 'once', 'start-interval': 'once', retries: 'once' },
    parse: (text, flags) => ({ kind: 'healthcheck', ...parseHealthcheck(text.rest, flags), ...text.at }),
  },
  shell: {
    flags: NONE,
    parse: ({ at, rest }) => {
      const shell = parseExecForm(required('SHELL', rest));
      if (shell === undefined) throw new Malformed('SHELL requires the arguments to be in JSON form');
      if (shell.length === 0) throw new Malformed('SHELL requires at least one argument');
      return { kind: 'shell', shell, ...at };
    },
  },
  stopsignal: {
    flags: NONE,
    parse: ({ at, rest }) => ({ kind: 'stopsignal', signal: exactlyOne('STOPSIGNAL', rest), ...at }),
  },
  onbuild: {
    flags: NONE,
    parse: ({ raw, at, rest }) => {
      const trigger = /^\S*/.exec(required('ONBUILD', rest))?.[0].toUpperCase();
      if (trigger === 'ONBUILD') throw new Malformed("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
      if (trigger === 'FROM' || trigger === 'MAINTAINER') {
        throw new Malformed(`${trigger} isn't allowed as an ONBUILD trigger`);
      }
      const bodies = raw.heredocs.map(({ body, name }) => `\n${body}${name}`);
      return { kind: 'onbuild', trigger: rest + bodies.join(''), ...at };
    },
  },
};

/**
 * Reads one instruction.
 * @throws {Malformed} without the line, which the caller knows
 */
export function parseInstruction(raw: RawInstruction, escape: EscapeCharacter): Instruction {
  const keyword = raw.keyword.toUpperCase();
  const kind = raw.keyword.toLowerCase();
  if (!isKind(kind)) {
    const near = nearest(keyword, Object.keys(TABLE));
    throw new Malformed(
      `unknown instruction: ${shortened(raw.keyword)}${near === undefined ? '' : ` (did you mean ${near.toUpperCase()}?)`}`,
    );
  }
  const row = TABLE[kind];
  const { flags, rest } = takeFlags(raw.rest, escape);
  checkFlags(flags, row.flags);
  const at = { line: raw.line, column: raw.column, lastLine: raw.lastLine, source: raw.source };
  return row.parse({ raw, at, rest, escape }, new Flags(flags));
}

/** A word that may be anything, as a message can show it. */
function shortened(word: string): string {
  const plain = word.replace(/\p{Cc}/gu, '\uFFFD');
  return plain.length > 40 ? `${plain.slice(0, 40)}...` : plain;
}

function isKind(word: string): word is InstructionKind {
  return Object.hasOwn(TABLE, word);
}

function checkFlags(given: readonly Flag[], known: Row<InstructionKind>['flags']): void {
  const seen = new Set<string>();
  for (const { name, value } of given) {
    const type = known[name];
    if (type === undefined) {
      const near = nearest(name, Object.keys(known));
      throw new Malformed(`unknown flag: --${name}${near === undefined ? '' : ` (did you mean ${near}?)`}`);
    }
    if (type !== 'many' && seen.has(name)) throw new Malformed(`duplicate flag specified: --${name}`);
    seen.add(name);
    if (type === 'boolean') {
      if (value !== undefined && !/^(true|false)$/i.test(value)) {
        throw new Malformed(`expecting boolean value for flag --${name}, not: ${value}`);
      }
    } else if (value === undefined) {
      throw new Malformed(`missing a value on flag: --${name}`);
    }
  }
}

function required(keyword: string, rest: string): string {
  if (rest === '') throw new Malformed(`${keyword} requires at least one argument`);
  return rest;
}

function exactlyOne(keyword: string, rest: string): string {
  if (rest === '') throw new Malformed(`${keyword} requires exactly one argument`);
  return rest;
}

function commandOf(rest: string): Command {
  const args = parseExecForm(rest);
  return args === undefined ? { form: 'shell', text: rest } : { form: 'exec', args };
}

function parseFrom({ at, rest }: Text, flags: Flags): Instruction<'from'> {
  const [image, as, name, ...more] = splitBlanks(rest);
  const three = as?.toLowerCase() === 'as' && name !== undefined && more.length === 0;
  if (image === undefined || (as !== undefined && !three)) {
    throw new Malformed('FROM requires either one or three arguments');
  }
  const stage = name?.toLowerCase();
  if (stage !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stage)) {
    throw new Malformed(
      `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`,
    );
  }
  return { kind: 'from', image, platform: flags.one('platform'), name: stage, ...at };
}

function parseRun({ raw, at, rest }: Text, flags: Flags): Instruction<'run'> {
  const network = flags.one('network')?.toLowerCase() ?? 'default';
  if (network !== 'default' && network !== 'none' && network !== 'host') {
    throw new Malformed(`invalid network mode "${network}"`);
  }
  const security = flags.one('security') ?? 'sandbox';
  if (security === 'insecure') throw new Malformed('security.insecure is not allowed: RUN always runs in a sandbox');
  if (security !== 'sandbox') throw new Malformed(`security ${JSON.stringify(security)} is not valid`);
  const [device] = flags.all('device');
  if (device !== undefined) throw new Malformed(`--device=${device} is not supported: RUN has no devices of the host`);
  const mounts = flags.all('mount').map((text) => parseRunMount(text));
  return { kind: 'run', command: commandOf(required('RUN', rest)), heredocs: raw.heredocs, mounts, network, ...at };
}

function parseCopy(keyword: 'COPY' | 'ADD', { raw, rest }: Text, flags: Flags): CopySpec {
  const words = parseExecForm(rest) ?? splitBlanks(rest);
  const destination = words.pop();
  if (destination === undefined || words.length === 0) {
    throw new Malformed(
      `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
    );
  }
  const announced = new Set(raw.heredocs.map((h) => h.word));
  if (announced.has(destination)) throw new Malformed(`${keyword} cannot accept a heredoc as a destination`);
  const sources = words.filter((word) => !announced.has(word));
  if (keyword === 'COPY') {
    for (const source of sources) {
      if (/^https?:\/\//i.test(source)) throw new Malformed("source can't be a URL for COPY");
      if (/^(git:\/\/|git@)/.test(source)) throw new Malformed("source can't be a git ref for COPY");
    }
  }
  const checksum = flags.one('checksum');
  if (checksum !== undefined) {
    if (words.length > 1) throw new Malformed("checksum can't be specified for multiple sources");
    if (!/^(https?:|git[:@]|ssh:|\$)/i.test(words[0] ?? ''))
      throw new Malformed('checksum requires HTTP(S) or Git sources');
  }
  const from = flags.one('from');
  if (from?.includes('$')) {
    throw new Malformed(
      'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
    );
  }
  return {
    sources,
    heredocs: raw.heredocs,
    destination,
    from,
    chown: flags.one('chown'),
    chmod: flags.one('chmod'),
    checksum,
    unpack: flags.boolean('unpack'),
    exclude: flags.all('exclude'),
    parents: flags.boolean('parents') === true,
    keepGitDirectory: flags.boolean('keep-git-dir') === true,
  };
}

function parseHealthcheck(rest: string, flags: Flags): HealthcheckSpec {
  if (rest === '') throw new Malformed('HEALTHCHECK requires at least one argument');
  const type = /^\S+/.exec(rest)?.[0] ?? '';
  const command = rest.slice(type.length).trim();
  const times = {
    intervalNanos: nanos(flags, 'interval', 'Interval'),
    timeoutNanos: nanos(flags, 'timeout', 'Timeout'),
    startPeriodNanos: nanos(flags, 'start-period', 'StartPeriod'),
    startIntervalNanos: nanos(flags, 'start-interval', 'StartInterval'),
  };
  const retriesText = flags.one('retries') ?? '0';
  if (!/^[+-]?\d+$/.test(retriesText))
    throw new Malformed(`invalid value for --retries: ${JSON.stringify(retriesText)}`);
  const retries = Number(retriesText);
  if (retries < 0) throw new Malformed(`--retries cannot be negative (${retries})`);
  switch (type.toUpperCase()) {
    case 'NONE':
      if (command !== '') throw new Malformed('HEALTHCHECK NONE takes no arguments');
      return { command: 'none', ...times, retries };
    case 'CMD': {
      const parsed = commandOf(command);
      if (command === '' || (parsed.form === 'exec' && parsed.args.length === 0)) {
        throw new Malformed('Missing command after HEALTHCHECK CMD');
      }
      return { command: parsed, ...times, retries };
    }
    default:
      throw new Malformed(`Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`);
  }
}

function nanos(flags: Flags, name: string, title: string): number {
  const text = flags.one(name);
  if (text === undefined) return 0;
  const value = parseGoDuration(text);
  if (value === undefined) throw new Malformed(`time: invalid duration ${JSON.stringify(text)}`);
  if (value !== 0 && value < 1e6) throw new Malformed(`${title} ${JSON.stringify(name)} cannot be less than 1ms`);
  return value;
}
