const PADDING = 3;
const MIN_WIDTH = 10;

/**
 * Aligns tab-separated cells as Go's text/tabwriter does: a column is a run of neighbouring lines that have a cell there
 * with a tab behind it; its width is that of the widest cell plus 3, at least 10. Last cells are left as they are.
 */
export function alignTabs(text: string, minWidth = MIN_WIDTH): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths = lines.map((cells) => cells.map(() => 0));
  layOut(lines, widths, 0, lines.length, 0, minWidth);
  return lines
    .map((cells, i) =>
      cells.map((cell, j) => cell + ' '.repeat(Math.max(0, (widths[i]?.[j] ?? 0) - length(cell)))).join(''),
    )
    .join('\n');
}

function layOut(
  lines: string[][],
  widths: number[][],
  from: number,
  to: number,
  column: number,
  minWidth: number,
): void {
  for (let i = from; i < to; i++) {
    if ((lines[i]?.length ?? 0) <= column + 1) continue;
    let end = i;
    let width = minWidth;
    for (; end < to && (lines[end]?.length ?? 0) > column + 1; end++) {
      width = Math.max(width, length(lines[end]?.[column] ?? '') + PADDING);
    }
    for (let k = i; k < end; k++) {
      const row = widths[k];
      if (row !== undefined) row[column] = width;
    }
    layOut(lines, widths, i, end, column + 1, minWidth);
    i = end - 1;
  }
}

function length(cell: string): number {
  return Array.from(cell).length;
}
