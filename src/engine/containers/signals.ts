import { constants } from 'node:os';

const RTMIN = 34;
const RTMAX = 64;

/** Number of a signal by name (with or without `SIG`, any case), `RTMIN+3`, or number; `undefined` if there is none. */
export function parseSignal(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const n = Number(text);
    return n > 0 && n <= RTMAX ? n : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime !== null) {
    const offset = Number(realtime[3] ?? 0) * (realtime[2] === '-' ? -1 : 1);
    const n = (realtime[1] === 'MIN' ? RTMIN : RTMAX) + offset;
    return n >= RTMIN && n <= RTMAX ? n : undefined;
  }
  return (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`];
}

export const SIGKILL = constants.signals.SIGKILL;
export const SIGTERM = constants.signals.SIGTERM;
