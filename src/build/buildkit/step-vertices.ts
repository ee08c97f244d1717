import type { BuildEvent } from '../../core/wire/build.ts';
import { buildKitWords } from './build-error.ts';
import type { ProgressLog, ProgressVertex } from './progress.ts';

/** Shows the events of a build as vertices. Steps that only describe the image have none, as in BuildKit. */
export class StepVertices {
  readonly #progress: ProgressLog;
  readonly #source: { readonly filename: string; readonly data: Buffer };
  /** Where findings about the Dockerfile hang. */
  readonly #definition: string;
  readonly #steps = new Map<number, ProgressVertex>();

  constructor(progress: ProgressLog, source: { readonly filename: string; readonly data: Buffer }, definition: string) {
    this.#progress = progress;
    this.#source = source;
    this.#definition = definition;
  }

  take(event: BuildEvent): void {
    switch (event.kind) {
      case 'step':
        if (!event.metadata) this.#steps.set(event.id, this.#progress.begin(event.name));
        break;
      case 'output':
        this.#steps.get(event.id)?.log(event.stream, event.text);
        break;
      case 'transfer': {
        const { what, status, current = 0, total = 0 } = event;
        const done = event.done === true || /complete|exists/i.test(status);
        this.#steps.get(event.id)?.status(`${status.toLowerCase()} ${what}`.trim(), { current, total, done });
        break;
      }
      case 'done': {
        const error = event.outcome === 'canceled' ? 'context canceled' : event.error && buildKitWords(event.error);
        this.#steps.get(event.id)?.end({ cached: event.outcome === 'cached', error });
        break;
      }
      case 'warning':
        this.#progress.warn(this.#definition, event, this.#source);
        break;
      case 'plan':
      case 'image':
      case 'pushed':
      case 'cache-export':
      case 'outline':
      case 'targets':
      case 'failure':
    }
  }
}
