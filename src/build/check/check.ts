import type { Dockerfile } from '../dockerfile/instructions.ts';
import { dockerfileUnusable } from '../errors.ts';
import type { BuildWarning } from '../../core/wire/build.ts';
import type { GivenArgs } from '../graph/variables.ts';
import { checkFile } from './file-rules.ts';
import type { CheckInput } from './finding.ts';
import { EXPERIMENTAL, pageOf, type RuleName, RULES } from './rules.ts';
import { checkStages } from './stage-rules.ts';

/**
 * Findings of the build checks, in the file's order, without those that the file or `BUILDKIT_DOCKERFILE_CHECK` switches off.
 * @throws {WharfError} `DOCKERFILE_UNUSABLE` at options that cannot be read
 */
export function checkDockerfile(file: Dockerfile, input: CheckInput): BuildWarning[] {
  const { skipped, experimental } = optionsOf(file, input.given.buildArgs);
  if (skipped.has('all')) return [];
  const isChecked = (rule: RuleName) =>
    !EXPERIMENTAL.has(rule) || experimental.has('all') || experimental.has(rule.toLowerCase());
  const lastLines = new Map(file.stages.flatMap((s) => [s.from, ...s.steps]).map((step) => [step.line, step.lastLine]));
  return [...checkFile(file, input), ...checkStages(file, input)]
    .filter(({ rule }) => isChecked(rule))
    .filter(({ rule, line }) => !skipped.has(rule.toLowerCase()) && !skippedAt(file, line).has(rule.toLowerCase()))
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map((found) => ({
      ...found,
      lastLine: lastLines.get(found.line),
      description: RULES[found.rule],
      url: pageOf(found.rule),
    }));
}

/** `check=error=true` makes findings fatal. @throws {WharfError} `DOCKERFILE_UNUSABLE` */
export function refuseIfAsked(file: Dockerfile, warnings: readonly BuildWarning[], { buildArgs }: GivenArgs): void {
  const first = warnings[0];
  if (first === undefined || !optionsOf(file, buildArgs).fatal) return;
  const rules = [...new Set(warnings.map((w) => w.rule))].join(', ');
  const at = { file: file.file, line: first.line, column: first.column, lastLine: first.lastLine };
  throw dockerfileUnusable({ message: `lint violation found for rules: ${rules}` }, { at });
}

interface CheckOptions {
  /** In lower case; `all`. */
  readonly skipped: ReadonlySet<string>;
  readonly experimental: ReadonlySet<string>;
  readonly fatal: boolean;
}

/** `skip=RuleA,RuleB;error=true`, of the file or of `BUILDKIT_DOCKERFILE_CHECK`, which goes before. */
function optionsOf(file: Dockerfile, buildArgs: GivenArgs['buildArgs']): CheckOptions {
  const given = buildArgs['BUILDKIT_DOCKERFILE_CHECK'] ?? file.check ?? '';
  const skipped = new Set<string>();
  const experimental = new Set<string>();
  let fatal = false;
  for (const part of given.split(';')) {
    if (part.trim() === '') continue;
    const [key = '', value = ''] = part.split(/=(.*)/s).map((text) => text.trim());
    const rules = () => value.split(',').map((rule) => rule.trim().toLowerCase());
    if (key === 'skip') for (const rule of rules()) skipped.add(rule);
    else if (key === 'error') fatal = value.toLowerCase() === 'true';
    else if (key === 'experimental') for (const rule of rules()) experimental.add(rule);
    else {
      const at = { file: file.file, line: 1, column: 1 };
      throw dockerfileUnusable({ message: `failed to parse check options: invalid check option "${key}"` }, { at });
    }
  }
  return { skipped, experimental, fatal };
}

/** Rules that a comment right above an instruction switches off for it. */
function skippedAt(file: Dockerfile, line: number): Set<string> {
  const above = file.lines[line - 2] ?? '';
  const rules = /^\s*#\s*check\s*=\s*skip\s*=\s*(.+?)\s*$/i.exec(above)?.[1] ?? '';
  return new Set(line < 2 ? [] : rules.toLowerCase().split(/\s*,\s*/));
}
