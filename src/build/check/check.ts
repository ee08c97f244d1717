import type { Dockerfile } from '../dockerfile/instructions.ts';
import { dockerfileUnusable } from '../errors.ts';
import type { BuildWarning } from '../../core/wire/build.ts';
import { checkFile } from './file-rules.ts';
import type { CheckInput } from './finding.ts';
import { pageOf, RULES } from './rules.ts';
import { checkStages } from './stage-rules.ts';

/**
 * Findings of the build checks, in the file's order, without those that the file or `BUILDKIT_DOCKERFILE_CHECK` switches off.
 * @throws {WharfError} `DOCKERFILE_UNUSABLE` at options that cannot be read
 */
export function checkDockerfile(file: Dockerfile, input: CheckInput): BuildWarning[] {
  const { skipped } = optionsOf(file, input.given.buildArgs['BUILDKIT_DOCKERFILE_CHECK'] ?? undefined);
  if (skipped.has('all')) return [];
  return [...checkFile(file, input.given), ...checkStages(file, input)]
    .filter(({ rule, line }) => !skipped.has(rule.toLowerCase()) && !skippedAt(file, line).has(rule.toLowerCase()))
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map((found) => ({ ...found, description: RULES[found.rule], url: pageOf(found.rule) }));
}

/** `# check=error=true` makes findings fatal. @throws {WharfError} `DOCKERFILE_UNUSABLE` */
export function refuseIfAsked(file: Dockerfile, warnings: readonly BuildWarning[]): void {
  const first = warnings[0];
  if (first === undefined || !optionsOf(file, undefined).fatal) return;
  const rules = [...new Set(warnings.map((w) => w.rule))].join(', ');
  const at = { file: file.file, line: first.line, column: first.column };
  throw dockerfileUnusable({ message: `lint violation found for rules: ${rules}` }, { at });
}

/** `skip=RuleA,RuleB;error=true`. */
function optionsOf(file: Dockerfile, fromArgument: string | undefined): { skipped: Set<string>; fatal: boolean } {
  const skipped = new Set<string>();
  let fatal = false;
  for (const part of (fromArgument ?? file.check ?? '').split(';')) {
    if (part.trim() === '') continue;
    const [key = '', value = ''] = part.split(/=(.*)/s).map((text) => text.trim());
    if (key === 'skip') for (const rule of value.split(',')) skipped.add(rule.trim().toLowerCase());
    else if (key === 'error') fatal = value.toLowerCase() === 'true';
    else if (key !== 'experimental') {
      const at = { file: file.file, line: 1, column: 1 };
      throw dockerfileUnusable({ message: `failed to parse check options: invalid check option "${key}"` }, { at });
    }
  }
  return { skipped, fatal };
}

/** Rules that a comment right above an instruction switches off for it. */
function skippedAt(file: Dockerfile, line: number): Set<string> {
  const above = file.lines[line - 2] ?? '';
  const rules = /^\s*#\s*check\s*=\s*skip\s*=\s*(.+?)\s*$/i.exec(above)?.[1] ?? '';
  return new Set(line < 2 ? [] : rules.toLowerCase().split(/\s*,\s*/));
}
