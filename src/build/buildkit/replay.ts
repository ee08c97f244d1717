import type { BuildRecord } from '../../core/wire/build.ts';
import type { LoggedEvent } from '../contract.ts';
import { ProgressLog } from './progress.ts';
import { StepVertices } from './step-vertices.ts';

/** What a build of the past said, with the times of then. */
export function replay({ id, startedAt, dockerfile }: BuildRecord, log: readonly LoggedEvent[]): ProgressLog {
  const begun = Date.parse(startedAt);
  let ms = begun;
  let vertex = 0;
  const progress = new ProgressLog(
    () => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 }),
    () => `${id}-${vertex++}`,
  );
  const vertices = new StepVertices(progress, { filename: dockerfile, data: Buffer.alloc(0) }, '');
  for (const [after, event] of log) {
    ms = begun + after;
    vertices.take(event);
  }
  progress.end();
  return progress;
}
