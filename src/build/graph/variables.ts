import type { Platform } from '../../core/platform.ts';
import { formatPlatform } from '../../core/platform.ts';
import type { EscapeCharacter } from '../dockerfile/directives.ts';
import type { Dockerfile, Instruction } from '../dockerfile/instructions.ts';
import type { Lookup } from '../expand/expand.ts';
import { expandWord } from '../expand/expand.ts';

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'];
/** Build arguments that need no ARG to reach RUN; they are part of neither the cache key nor the history. Words need an ARG. */
const PREDEFINED: ReadonlySet<string> = new Set([...PROXIES, ...PROXIES.map((name) => name.toLowerCase())]);

/** `TARGETPLATFORM` and its kin. */
export function platformArgs(build: Platform, target: Platform, targetStage: string): Record<string, string> {
  const of = (prefix: string, p: Platform) => ({
    [`${prefix}PLATFORM`]: formatPlatform(p),
    [`${prefix}OS`]: p.os,
    [`${prefix}OSVERSION`]: '',
    [`${prefix}ARCH`]: p.architecture,
    [`${prefix}VARIANT`]: p.variant ?? '',
  });
  return { ...of('BUILD', build), ...of('TARGET', target), TARGETSTAGE: targetStage || 'default' };
}

/** What `--build-arg` and the platform give, before any ARG. */
export interface GivenArgs {
  /** `null`: named without a value. */
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly platform: Readonly<Record<string, string>>;
}

/** Values of the ARGs before the first FROM, and of the platform: what FROM lines see. */
export function globalScope(file: Dockerfile, given: GivenArgs): ReadonlyMap<string, string | undefined> {
  const scope = new Map<string, string | undefined>(Object.entries(given.platform));
  for (const { args } of file.globalArgs) {
    for (const { name, value } of args) {
      const lookup: Lookup = (n) => scope.get(n);
      const fallback = value === undefined ? scope.get(name) : expandWord(value, lookup, file.escape);
      scope.set(name, given.buildArgs[name] ?? fallback);
    }
  }
  return scope;
}

/** The ARGs of one stage. Immutable: each ARG gives a new scope. */
export class StageArgs {
  readonly #values: ReadonlyMap<string, string | undefined>;
  readonly #global: ReadonlyMap<string, string | undefined>;
  readonly #given: GivenArgs;
  /** Names that this stage has declared, in that order. */
  readonly #own: readonly string[];

  constructor(
    global: ReadonlyMap<string, string | undefined>,
    given: GivenArgs,
    values: ReadonlyMap<string, string | undefined> = new Map(),
    own: readonly string[] = [],
  ) {
    this.#global = global;
    this.#given = given;
    this.#values = values;
    this.#own = own;
  }

  /** What words of this stage see: the environment first, then the arguments. */
  lookup(env: readonly string[]): Lookup {
    const byName = new Map(env.map((pair) => splitPair(pair)));
    return (name) => byName.get(name) ?? this.#values.get(name);
  }

  /** The scope after an ARG, and the values it set, for the history. */
  declare(
    { args }: Instruction<'arg'>,
    env: readonly string[],
    escape: EscapeCharacter,
  ): { readonly scope: StageArgs; readonly shown: string } {
    const values = new Map(this.#values);
    const shown: string[] = [];
    const lookup = this.lookup(env);
    for (const { name, value } of args) {
      const expanded = value === undefined ? undefined : expandWord(value, lookup, escape);
      const got = this.#given.buildArgs[name] ?? expanded ?? this.#global.get(name);
      values.set(name, got);
      shown.push(expanded === undefined ? name : `${name}=${expanded}`);
    }
    const own = [...new Set([...this.#own, ...args.map(({ name }) => name)])];
    return { scope: new StageArgs(this.#global, this.#given, values, own), shown: shown.join(' ') };
  }

  /** Declared arguments that have a value and are not hidden by the environment, sorted: `NAME=value`. */
  inScope(env: readonly string[]): string[] {
    const hidden = new Set(env.map((pair) => splitPair(pair)[0]));
    return [...this.#values]
      .filter(([name, value]) => value !== undefined && !hidden.has(name))
      .map(([name, value]) => `${name}=${value}`)
      .toSorted();
  }

  /** The scope as a stage sees it that continues this one. */
  inherited(): StageArgs {
    return new StageArgs(this.#global, this.#given, this.#values);
  }

  /** Arguments of this stage in the order they were declared in, with the values that commands see: `NAME=value`. */
  declared(env: readonly string[]): string[] {
    const byName = new Map(env.map((pair) => splitPair(pair)));
    return this.#own.map((name) => `${name}=${byName.get(name) ?? this.#values.get(name) ?? ''}`);
  }

  /** Proxy settings given without an ARG for them, each in both spellings, as with BuildKit: programs know one of them. */
  proxies(env: readonly string[]): string[] {
    const hidden = new Set([...env.map((pair) => splitPair(pair)[0]), ...this.#values.keys()]);
    const given = this.#given.buildArgs;
    return [...PREDEFINED]
      .flatMap((name) => {
        const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
        const value = given[name] ?? given[other] ?? null;
        return value === null || hidden.has(name) ? [] : [`${name}=${value}`];
      })
      .toSorted();
  }
}

function splitPair(pair: string): [name: string, value: string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

/** Names given by `--build-arg` that no ARG of the file asks for. */
export function unusedBuildArgs(
  file: Dockerfile,
  buildArgs: Readonly<Record<string, string | null>>,
  fromTriggers: ReadonlySet<string>,
): string[] {
  const declared = new Set(fromTriggers);
  const steps = [...file.globalArgs, ...file.stages.flatMap((s) => s.steps)];
  for (const step of steps) if (step.kind === 'arg') for (const { name } of step.args) declared.add(name);
  const known = (name: string) =>
    declared.has(name) || PREDEFINED.has(name) || /^BUILDKIT_|^SOURCE_DATE_EPOCH$/.test(name);
  return Object.keys(buildArgs)
    .filter((name) => !known(name))
    .toSorted();
}
