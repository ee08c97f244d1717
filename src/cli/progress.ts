import type { Writable } from 'node:stream';
import type { ProgressMessage } from '../core/wire/resources.ts';
import { humanSize } from './format/human.ts';

type Sink = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/**
 * Shows a progress stream: on a terminal one line for each layer, redrawn in place; elsewhere one line for each new status.
 * @returns the `aux` objects
 * @throws {Error} with the engine's words when the stream says that it failed
 */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  out: Sink,
  onAux: (aux: unknown) => void = () => undefined,
): Promise<void> {
  const lines = new Map<string, number>();
  const onTerminal = out.isTTY === true;
  for await (const message of messages) {
    if (message.error !== undefined || message.errorDetail !== undefined) {
      throw new Error(message.errorDetail?.message ?? message.error);
    }
    if (message.aux !== undefined) {
      onAux(message.aux);
      continue;
    }
    if (message.stream !== undefined) {
      out.write(message.stream);
      continue;
    }
    const detail = message.progressDetail;
    const moving = detail !== undefined && Object.keys(detail).length > 0;
    if (!onTerminal) {
      if (!moving) out.write(`${message.id ? `${message.id}: ` : ''}${message.status ?? ''}\n`);
      continue;
    }
    drawLine(message, out, lines);
  }
}

function drawLine(message: ProgressMessage, out: Sink, lines: Map<string, number>): void {
  const { id } = message;
  const bar = message.progressDetail === undefined ? '' : barOf(message.progressDetail, out.columns ?? 80);
  if (!id) {
    lines.clear(); // what follows a plain line starts below it
    out.write(`${message.status ?? ''}\n`);
    return;
  }
  const known = lines.get(id);
  if (known === undefined) {
    lines.set(id, lines.size);
    out.write(`${id}: ${message.status ?? ''}${bar}\n`);
    return;
  }
  const up = lines.size - known;
  out.write(`\x1b[${up}A\x1b[2K\r${id}: ${message.status ?? ''}${bar}\r\x1b[${up}B`);
}

/** `[====>    ]  1.2MB/3.4MB`; numbers alone on a narrow terminal. */
function barOf(detail: NonNullable<ProgressMessage['progressDetail']>, columns: number): string {
  const { current = 0, total = 0 } = detail;
  if (current <= 0 && total <= 0) return '';
  if (total <= 0) return ` ${humanSize(current)}`;
  const numbers = `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  if (columns <= 110) return ` ${numbers}`;
  const filled = Math.min(50, Math.trunc((current / total) * 50));
  const bar = `${'='.repeat(filled)}${filled < 50 ? '>' : ''}${' '.repeat(Math.max(0, 49 - filled))}`;
  return ` [${bar}] ${current <= total ? numbers : humanSize(current)}`;
}
