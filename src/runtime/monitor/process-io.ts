import { chmodSync, closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { frameHeader, STREAM } from '../../core/frames.ts';
import { mkfifo, openEmpty, setWindowSize, terminalNumber } from '../../linux/index.ts';
import { LogForwarder } from '../logs/forward/forwarder.ts';
import { LogFile } from '../logs/log-file.ts';
import type { LogTarget } from '../contract.ts';
import { type Attacher, Attachers } from './attachers.ts';
import { Input, reopenInput } from './input.ts';
import { FifoOutput, type Output, TerminalOutput } from './output.ts';
import type { Held, Opened, Size } from './protocol.ts';

export interface ProcessIoOptions {
  /** Path before `.stdin`, `.stdout`, `.stderr`. */
  readonly base: string;
  readonly tty: boolean;
  readonly openStdin: boolean;
  /** The first client that sends no more ends stdin. */
  readonly stdinOnce: boolean;
  readonly log: LogTarget | undefined;
  readonly onError: (error: unknown) => void;
  /** Called when `held` has changed. */
  readonly onHeld: () => void;
}

const STREAMS = ['stdout', 'stderr'] as const;

/**
 * Stdin, stdout and stderr of one process, and all that hangs on them: the log, attached clients, followers of the log.
 * The process gets FIFOs. Those it writes to it holds for reading as well, so that a write never fails, whoever dies.
 */
export class ProcessIo {
  readonly #options: ProcessIoOptions;
  readonly #log: LogFile | undefined;
  readonly #forwarder: LogForwarder | undefined;
  readonly #attachers: Attachers;
  readonly #followers = new Set<Socket>();
  readonly #holders = new Set<'client' | 'receiver'>();
  #outputs: Output[] = [];
  #terminal: TerminalOutput | undefined;
  #input: Input | undefined;
  #given: number[] = [];
  #held: Pick<Held, 'input' | 'outputs' | 'terminal'> | undefined;

  constructor(options: ProcessIoOptions) {
    this.#options = options;
    this.#attachers = new Attachers((held) => this.#hold('client', held));
    const path = options.log?.path;
    if (options.log === undefined || path === null || path === undefined) return;
    this.#log = new LogFile({ ...options.log, path }, options.onError, `${options.base}.unfinished`);
    const { forward } = options.log;
    if (forward === undefined) return;
    this.#forwarder = new LogForwarder({
      path,
      target: forward,
      hold: (held) => this.#hold('receiver', held),
      onLost: options.onError,
    });
  }

  /** Somebody cannot keep up: the process is held up until nobody says so any more. */
  #hold(who: 'client' | 'receiver', held: boolean): void {
    if (held) this.#holders.add(who);
    else this.#holders.delete(who);
    for (const output of this.#outputs) {
      if (this.#holders.size > 0) output.pause();
      else output.resume();
    }
  }

  /**
   * Descriptors to start the process' OCI runtime with; without a terminal they are the process' own. None is /dev/null: crun
   * gives what it finds here to the container's user, and that one is the host's.
   */
  open(): number[] {
    // Noted at once: what is open is closed even if the rest cannot be had.
    const given: number[] = [];
    this.#given = given;
    if (this.#options.tty) {
      for (let n = 0; n < 3; n++) given.push(openEmpty());
      return given;
    }
    if (this.#options.openStdin) {
      this.#makeFifo('stdin');
      // Open for both first: neither side has to wait for the other.
      const both = openSync(this.#path('stdin'), constants.O_RDWR | constants.O_NONBLOCK);
      try {
        this.#input = Input.fifo(this.#path('stdin'));
        given[0] = openSync(this.#path('stdin'), constants.O_RDONLY);
      } finally {
        closeSync(both);
      }
    } else {
      given[0] = openEmpty();
    }
    for (const stream of STREAMS) {
      this.#makeFifo(stream);
      given.push(openSync(this.#path(stream), constants.O_RDWR));
    }
    return given;
  }

  /** The process has its descriptors: from now on they are read. */
  connect(): void {
    if (!this.#options.tty) {
      this.#readFifos();
      this.#holdOpen();
    }
    this.#closeGiven();
  }

  /** What somebody else should hold open beside this process, in case it dies. `undefined`: nothing. */
  get held(): Pick<Held, 'input' | 'outputs' | 'terminal'> | undefined {
    return this.#held;
  }

  /** The same for a terminal, whose master side this takes over. */
  connectTerminal(master: number, size: Size | undefined): void {
    if (size !== undefined) setWindowSize(master, size);
    this.#terminal = new TerminalOutput(master, (chunk) => this.#deliver('stdout', chunk));
    this.#outputs = [this.#terminal];
    if (this.#options.openStdin) this.#input = Input.terminal(this.#terminal.stream);
    const number = terminalNumber(master);
    this.#held = number === undefined ? undefined : { terminal: { fd: master, number } };
    this.#options.onHeld();
  }

  /** Takes up the FIFOs of a process that a monitor before this one started. A terminal comes by `connectTerminal`, if at all. */
  reconnect(): void {
    if (this.#options.tty || !existsSync(this.#path('stdout'))) return;
    this.#readFifos();
    if (this.#options.openStdin) this.#input = reopenInput(this.#path('stdin'));
    this.#holdOpen();
  }

  /** What a client that wants the log first must read before it takes live output. */
  replayFor(client: { readonly logs?: boolean }): Opened['replay'] {
    const path = this.#options.log?.path;
    if (client.logs !== true || this.#log === undefined || typeof path !== 'string') return undefined;
    return { path, until: this.#log.mark() };
  }

  attach(client: Attacher): void {
    const { socket, options } = client;
    if (options.logs === true && options.stream !== false) this.#sendCarry(client);
    const input = this.#input;
    if (options.stdin && input !== undefined) {
      let over = false;
      const ended = (): void => {
        if (over) return;
        over = true;
        if (this.#options.stdinOnce) input.end();
      };
      input.connect(socket, ended);
      socket.once('close', ended);
    }
    // Read even where nothing is expected: else nobody would notice that the client has gone.
    socket.resume();
    if (options.stream === false) socket.end();
    else this.#attachers.add(client);
  }

  follow(socket: Socket): void {
    this.#followers.add(socket);
    socket.once('close', () => this.#followers.delete(socket));
    socket.resume();
  }

  resize(size: Size): void {
    const fd = this.#terminal?.fd;
    if (fd !== undefined) setWindowSize(fd, size);
  }

  /** The process has ended: delivers what it has left behind, and then the end to everybody. */
  finish(): void {
    for (const output of this.#outputs) output.drain();
    this.#log?.close();
    this.discard();
    this.#attachers.end();
    for (const socket of this.#followers) socket.end('\n');
    this.#followers.clear();
  }

  /** Closes all and removes the FIFOs. */
  discard(): void {
    this.#closeGiven();
    this.#input?.destroy();
    for (const output of this.#outputs) output.destroy();
    this.#outputs = [];
    this.#log?.close();
    this.#forwarder?.finish();
    this.#held = undefined;
    for (const stream of ['stdin', ...STREAMS]) rmSync(this.#path(stream), { force: true });
  }

  #readFifos(): void {
    this.#outputs = STREAMS.map(
      (stream) => new FifoOutput(this.#path(stream), (chunk) => this.#deliver(stream, chunk)),
    );
  }

  #holdOpen(): void {
    const input = this.#input;
    if (input !== undefined) {
      input.onEnd = () => {
        // Without its name no later monitor can take it for a stdin that goes on.
        rmSync(this.#path('stdin'), { force: true });
        this.#held = { ...this.#held, input: undefined };
        this.#options.onHeld();
      };
    }
    this.#held = {
      input: input === undefined ? undefined : this.#path('stdin'),
      outputs: STREAMS.map((stream) => this.#path(stream)),
    };
    this.#options.onHeld();
  }

  #deliver(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#log?.write(stream, chunk);
    this.#forwarder?.written(chunk.length);
    this.#attachers.deliver(stream, chunk);
    for (const socket of this.#followers) if (socket.writableLength === 0) socket.write('\n');
  }

  #sendCarry(client: Attacher): void {
    for (const stream of STREAMS) {
      const carry = this.#log?.carry(stream);
      if (carry === undefined || carry.length === 0 || !client.options[stream]) continue;
      if (!client.tty) client.socket.write(frameHeader(STREAM[stream], carry.length));
      client.socket.write(Buffer.from(carry));
    }
  }

  #makeFifo(stream: string): void {
    const path = this.#path(stream);
    rmSync(path, { force: true });
    mkfifo(path, 0o666);
    // A process of any user may open /dev/stdout anew; from outside the directory above keeps everybody away.
    chmodSync(path, 0o666);
  }

  #closeGiven(): void {
    for (const fd of this.#given) closeSync(fd);
    this.#given = [];
  }

  #path(stream: string): string {
    return `${this.#options.base}.${stream}`;
  }
}
