/** Cut to `width` characters with an ellipsis. */
export function ellipsis(text: string, width: number): string {
  const letters = Array.from(text);
  return letters.length <= width ? text : `${letters.slice(0, width - 1).join('')}…`;
}
