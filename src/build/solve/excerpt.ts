import type { Dockerfile } from '../dockerfile/instructions.ts';

const AROUND = 2;
const RULE = '-'.repeat(20);

/** The lines around those of an instruction, these marked, for a message about it. */
export function excerpt(
  file: Dockerfile,
  { line, lastLine }: { readonly line: number; readonly lastLine: number },
): string {
  const from = Math.max(1, line - AROUND);
  const to = Math.min(file.lines.length, lastLine + AROUND);
  const shown = Array.from({ length: to - from + 1 }, (_, i) => from + i).map((n) =>
    `${String(n).padStart(4)} | ${n >= line && n <= lastLine ? '>>>' : '   '} ${file.lines[n - 1] ?? ''}`.trimEnd(),
  );
  return `${[`${file.file}:${line}`, RULE, ...shown, RULE].join('\n')}\n`;
}
