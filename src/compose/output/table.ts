/** Columns as Go's tabwriter aligns them: left, `padding` spaces between, no less than `minimum` wide. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  minimum = 10,
  padding = 3,
): string {
  const all = [header, ...rows];
  const widths = header.map((_, i) =>
    Math.max(minimum, ...all.map((row) => Array.from(row[i] ?? '').length + padding)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) =>
        i === header.length - 1 ? cell : cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - Array.from(cell).length)),
      )
      .join('');
  return `${all.map(line).join('\n')}\n`;
}
