import { StringDecoder } from 'node:string_decoder';
import type { ProgressMessage } from '../../core/wire/resources.ts';

/** What one stage says. */
export interface Lane {
  send(message: ProgressMessage): void;
  /** Sends text as it is, newlines included. */
  say(text: string): void;
  /** Sends what a command wrote: standard error in bright red, as the classic builder does. */
  output(stream: 'stdout' | 'stderr', text: string): void;
  /** Nothing more comes from this lane. */
  end(): void;
}

/**
 * Output of stages that run at the same time, told one after the other in the file's order: the first lane that has not ended
 * is passed on at once, the others are kept until it is their turn.
 */
export class OrderedOutput {
  readonly #onMessage: (m: ProgressMessage) => void;
  readonly #lanes: { kept: ProgressMessage[]; ended: boolean }[] = [];

  constructor(onMessage: (m: ProgressMessage) => void) {
    this.#onMessage = onMessage;
  }

  lane(): Lane {
    const state = { kept: [] as ProgressMessage[], ended: false };
    this.#lanes.push(state);
    const send = (message: ProgressMessage): void => {
      state.kept.push(message);
      this.#flush();
    };
    return {
      send,
      say: (text) => send({ stream: text }),
      output: (stream, text) => send({ stream: stream === 'stdout' ? text : `\u001b[91m${text}\u001b[0m` }),
      end: () => {
        state.ended = true;
        this.#flush();
      },
    };
  }

  #flush(): void {
    for (const lane of this.#lanes) {
      for (const message of lane.kept.splice(0)) this.#onMessage(message);
      if (!lane.ended) return;
    }
  }
}

/** What crun says in the command's place. */
const NOT_STARTED = /\{"msg":"exec container process(?: \([^)]*\))? `([^`"]*)`: ([^"]*)","level":"error"[^}]*\}\n?/;

/** The two outputs of a command as text: characters cut in two by the pipe are put together. */
export class CommandOutput {
  readonly #lane: Pick<Lane, 'output'>;
  #notStarted = false;
  #mentionsFormat = false;
  readonly #decoders = [new StringDecoder('utf8'), new StringDecoder('utf8')] as const;

  constructor(lane: Pick<Lane, 'output'>) {
    this.#lane = lane;
  }

  /** The runtime said that the program is none: its interpreter is missing, or the like. */
  get notStarted(): boolean {
    return this.#notStarted;
  }

  /** Something said that a program is none for this machine's kernel. */
  get mentionsFormat(): boolean {
    return this.#mentionsFormat;
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#tell(stream, this.#decoders[stream === 'stdout' ? 0 : 1].write(chunk));
  }

  end(): void {
    this.#tell('stdout', this.#decoders[0].end());
    this.#tell('stderr', this.#decoders[1].end());
  }

  #tell(stream: 'stdout' | 'stderr', text: string): void {
    if (text === '') return;
    this.#mentionsFormat ||= /exec format error/i.test(text);
    const [whole, program, why] = (stream === 'stderr' && NOT_STARTED.exec(text)) || [];
    if (program === undefined || why === undefined) return this.#lane.output(stream, text);
    this.#notStarted = true;
    this.#lane.output(stream, text.replace(whole ?? '', `exec ${program}: ${why.toLowerCase()}\n`));
  }
}
