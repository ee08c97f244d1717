import { nearest } from '../../core/nearest.ts';
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instructions.ts';
import { expandWord } from '../expand/expand.ts';
import type { GivenArgs } from '../graph/variables.ts';
import type { CheckInput, Finding } from './finding.ts';

/** Rules about the file as a whole, and about FROM lines. */
export function checkFile(file: Dockerfile, { given, platformOf }: CheckInput): Finding[] {
  return [
    ...casing(file),
    ...file.emptyContinuations.map((line) => ({
      rule: 'NoEmptyContinuation' as const,
      message: 'Empty continuation line',
      line,
      column: 1,
    })),
    ...file.stages.flatMap((stage) => [
      ...checkFrom(stage, file, given),
      ...checkPlatform(stage, file, given, platformOf),
    ]),
    ...descriptions(file),
  ];
}

/** Keywords that are not written as most of them are. */
function casing(file: Dockerfile): Finding[] {
  const all = [...file.globalArgs, ...file.stages.flatMap((s): Instruction[] => [s.from, ...s.steps])];
  const keyword = (step: Instruction) => /^\S*/.exec(step.source)?.[0] ?? '';
  const lower = all.filter((step) => keyword(step) === keyword(step).toLowerCase()).length;
  const upper = all.filter((step) => keyword(step) === keyword(step).toUpperCase()).length;
  const majority = lower > upper ? 'lowercase' : 'uppercase';
  return all.flatMap((step): Finding[] => {
    const word = keyword(step);
    if (word === (majority === 'lowercase' ? word.toLowerCase() : word.toUpperCase())) return [];
    const message = `Command '${word}' should match the case of the command majority (${majority})`;
    return [{ rule: 'ConsistentInstructionCasing', message, line: step.line, column: step.column }];
  });
}

/** Comments right above a definition that describe something else. */
function descriptions(file: Dockerfile): Finding[] {
  const definitions = [
    ...file.stages.flatMap(({ from, name }) => (name === undefined ? [] : [{ step: from, names: [name] }])),
    ...[...file.globalArgs, ...file.stages.flatMap((s) => s.steps)].flatMap((step) =>
      step.kind === 'arg' ? [{ step, names: step.args.map(({ name }) => name) }] : [],
    ),
  ];
  return definitions.flatMap(({ step, names }): Finding[] => {
    const comment = /^\s*#\s*(.*?)\s*$/.exec(file.lines[step.line - 2] ?? '')?.[1] ?? '';
    if (step.line < 2 || comment === '' || /^(syntax|escape|check)\s*=/i.test(comment)) return [];
    if (names.includes(comment.split(' ', 1)[0] ?? '')) return [];
    const example = names.length === 1 ? names[0] : '<arg_key>';
    const message = `Comment for ${step.kind.toUpperCase()} should follow the format: \`# ${example} <description>\``;
    return [{ rule: 'InvalidDefinitionDescription', message, line: step.line, column: step.column }];
  });
}

/** A base that is here, but was made for another platform than the stage is. */
function checkPlatform(
  { from }: Stage,
  file: Dockerfile,
  given: GivenArgs,
  platformOf: CheckInput['platformOf'],
): Finding[] {
  const expected = from.platform === undefined ? given.platform['TARGETPLATFORM'] : undefined;
  if (from.image.includes('$') || file.stages.some(({ name }) => name === from.image.toLowerCase())) return [];
  const actual = platformOf?.(from.image);
  if (expected === undefined || actual === undefined || sameMachine(actual, expected)) return [];
  const message = `Base image ${from.image} was pulled with platform ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)} for current build`;
  const column = from.column + Math.max(0, from.source.indexOf(from.image));
  return [{ rule: 'InvalidBaseImagePlatform', message, line: from.line, column }];
}

/** The same system and architecture; what variants run on what is for the pull to know. */
function sameMachine(a: string, b: string): boolean {
  const machine = (platform: string) => platform.split('/', 2).join('/');
  return machine(a) === machine(b);
}

function checkFrom({ from, index }: Stage, file: Dockerfile, given: GivenArgs): Finding[] {
  const found: Finding[] = [];
  const tell = (rule: Finding['rule'], message: string, part = '') => {
    found.push({ rule, message, line: from.line, column: from.column + Math.max(0, from.source.indexOf(part)) });
  };
  const [, keyword = '', as = '', name = ''] = /^(\S+).*?\s(as)\s+(\S+)\s*$/i.exec(from.source) ?? [];
  if (name !== name.toLowerCase()) tell('StageNameCasing', `Stage name '${name}' should be lowercase`, name);
  const isLower = (word: string) => word === word.toLowerCase();
  if (as !== '' && isLower(as) !== isLower(keyword)) {
    tell('FromAsCasing', `'${as}' and '${keyword}' keywords' casing do not match`, ` ${as} `);
  }
  if (from.name === 'scratch' || from.name === 'context') {
    tell('ReservedStageName', `Stage name should not use the same name as reserved stage "${from.name}"`, name);
  }
  if (file.stages.some((other) => other.index < index && other.name === from.name && from.name !== undefined)) {
    tell('DuplicateStageName', `Duplicate stage name ${JSON.stringify(from.name)}, stage names should be unique`, name);
  }
  if (from.platform !== undefined) {
    if (/^\$\{?TARGETPLATFORM\}?$/.test(from.platform)) {
      const message = `Setting platform to predefined ${from.platform} in FROM is redundant as this is the default behavior`;
      tell('RedundantTargetPlatform', message, from.platform);
    } else if (!from.platform.includes('$') && !onlyOnePlatform(file, from.platform)) {
      const message = `FROM --platform flag should not use constant value "${from.platform}"`;
      tell('FromPlatformFlagConstDisallowed', message, from.platform);
    }
  }
  const known = new Set([
    ...Object.keys(given.platform),
    ...file.globalArgs.flatMap((arg) => arg.args.map(({ name: n }) => n)),
  ]);
  for (const word of [from.image, from.platform ?? '']) {
    for (const variable of plainVariables(word)) {
      if (known.has(variable)) continue;
      const near = suggestion(variable, known);
      tell('UndefinedArgInFrom', `FROM argument '${variable}' is not declared${near}`, word);
    }
  }
  const blank = emptyByDefault(from.image, file, given);
  if (blank) {
    const message = `Default value for ARG ${from.image} results in empty or invalid base image name`;
    tell('InvalidDefaultArgInFrom', message, from.image);
  }
  return found;
}

/** A stage per platform, told apart by its name, is what a constant is for. */
function onlyOnePlatform(file: Dockerfile, platform: string): boolean {
  const name = file.stages.find((s) => s.from.platform === platform)?.name ?? '';
  return platform.split('/').some((part) => part !== 'linux' && name.includes(part));
}

function emptyByDefault(image: string, file: Dockerfile, given: GivenArgs): boolean {
  if (!image.includes('$')) return false;
  const values = new Map<string, string>(Object.entries(given.platform));
  try {
    for (const { args } of file.globalArgs) {
      for (const { name, value } of args) {
        values.set(name, value === undefined ? '' : expandWord(value, (n) => values.get(n), file.escape));
      }
    }
    const name = expandWord(image, (n) => values.get(n), file.escape);
    return !/^[a-zA-Z0-9]([^:@]*[^:@/])?(:[^:@]+)?(@\S+)?$|^[^/]+:\d+\/.+[^:@]$/.test(name);
  } catch {
    return false; // the build itself says what is wrong with it
  }
}

/** ` (did you mean x?)`, or nothing. */
export function suggestion(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}

/** Variables of a word that nothing stands in for: `$x` and `${x}`, not `${x:-y}`. */
export function plainVariables(word: string): string[] {
  const bare = word.replace(/'[^']*'/g, '').replace(/\\\$/g, '');
  return [...bare.matchAll(/\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:\}|[#%/]))/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
}
