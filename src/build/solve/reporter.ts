import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { BuildEvent, StepRecord } from '../../core/wire/build.ts';
import type { Lane } from './output.ts';

type Outcome = StepRecord['outcome'];

export interface StepEnd {
  readonly outcome: Outcome;
  readonly why: string;
  readonly layerBytes?: number | undefined;
  readonly error?: string | undefined;
}

/** One step being told about. What comes after its end is dropped. */
export interface StepReport {
  readonly id: number;
  end(end: StepEnd): void;
}

/** Numbers the steps of a build, tells about them as they happen, and remembers how they ended. */
export class Reporter {
  readonly steps: StepRecord[] = [];
  readonly #tell: (event: BuildEvent) => void;
  #next = 1;

  constructor(tell: (event: BuildEvent) => void) {
    this.#tell = tell;
  }

  tell(event: BuildEvent): void {
    this.#tell(event);
  }

  begin(step: { readonly name: string; readonly metadata: boolean; readonly line: number }): StepReport {
    const id = this.#next++;
    const begun = performance.now();
    let ended = false;
    this.#tell({ kind: 'step', id, ...step });
    return {
      id,
      end: (end) => {
        if (ended) return;
        ended = true;
        const ms = Math.round(performance.now() - begun);
        this.steps.push({ name: step.name, ms, layerBytes: end.layerBytes, outcome: end.outcome, why: end.why });
        this.#tell({ kind: 'done', id, ms, ...end });
      },
    };
  }

  /** The lane of a stage while one of its steps runs: what it says is told about that step as well. */
  laneOf(lane: Lane, { id }: StepReport): Lane {
    return {
      ...lane,
      send: (message) => {
        lane.send(message);
        this.transfer(id, message);
      },
      output: (stream, text) => {
        lane.output(stream, text);
        this.#tell({ kind: 'output', id, stream, text });
      },
    };
  }

  /** A transfer that is part of a step. */
  transfer(id: number, { id: what, status, progressDetail }: ProgressMessage): void {
    if (status === undefined) return;
    const { current, total } = progressDetail ?? {};
    this.#tell({ kind: 'transfer', id, what: what ?? '', status, current, total });
  }
}
