import type { Position } from '../../core/errors.ts';
import { dockerfileError, dockerfileUnusable } from '../errors.ts';
import type { EscapeCharacter } from './directives.ts';
import type { Dockerfile, Instruction, Stage } from './instructions.ts';
import type { RawInstruction } from './lex.ts';
import { lexDockerfile } from './lex.ts';
import { parseInstruction } from './parse-instruction.ts';
import { Malformed } from './words.ts';

/**
 * Reads a Dockerfile. Nothing is expanded yet; every instruction knows its line.
 * @throws {WharfError} `DOCKERFILE_PARSE_ERROR` with `context.at`; `DOCKERFILE_UNUSABLE`
 */
export function parseDockerfile(text: string, file: string): Dockerfile {
  const { directives, instructions, lines, emptyContinuations } = lexDockerfile(text, file);
  const globalArgs: Instruction<'arg'>[] = [];
  const stages: (Stage & { steps: Instruction[] })[] = [];
  for (const raw of instructions) {
    const instruction = parseAt(raw, directives.escape, file);
    const stage = stages.at(-1);
    if (instruction.kind === 'from') {
      stages.push({ index: stages.length, name: instruction.name, from: instruction, steps: [] });
    } else if (stage !== undefined) {
      stage.steps.push(instruction);
    } else if (instruction.kind === 'arg') {
      globalArgs.push(instruction);
    } else {
      throw parseError('no build stage in current context', raw, file);
    }
  }
  if (stages.length === 0) throw dockerfileUnusable({ message: 'no build stage in current context' });
  return { file, escape: directives.escape, check: directives.check, globalArgs, stages, lines, emptyContinuations };
}

/** The classic builder knows no two stages of one name. @throws {WharfError} `DOCKERFILE_PARSE_ERROR` */
export function refuseRepeatedNames({ file, stages }: Dockerfile): void {
  const repeated = stages.find((s, i) => s.name !== undefined && stages.slice(0, i).some((o) => o.name === s.name));
  if (repeated === undefined) return;
  throw parseError(`duplicate name ${repeated.name}, stage names should be unique`, repeated.from, file);
}

/**
 * Reads the text of an ONBUILD trigger, as if it stood at the FROM that fires it.
 * @throws {WharfError} `DOCKERFILE_PARSE_ERROR`
 */
export function parseTrigger(text: string, from: Instruction<'from'>, file: string): Instruction {
  const lexed = lexDockerfile(text, file);
  const raw = lexed.instructions[0];
  if (raw === undefined) throw dockerfileUnusable({ message: 'file with no instructions' });
  return parseAt({ ...raw, line: from.line, column: from.column, lastLine: from.lastLine }, '\\', file);
}

function parseAt(raw: RawInstruction, escape: EscapeCharacter, file: string): Instruction {
  try {
    return parseInstruction(raw, escape);
  } catch (e) {
    if (e instanceof Malformed) throw parseError(e.message, raw, file);
    throw e;
  }
}

function parseError(message: string, at: Omit<Position, 'file'>, file: string): Error {
  const { line, column, lastLine } = at;
  return dockerfileError({ line, message }, { at: { file, line, column, lastLine } });
}
