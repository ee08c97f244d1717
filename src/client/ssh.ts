import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';

/** A login on another machine, from `ssh://user@host:port[/path/of/socket]`. */
export interface SshTarget {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  /** Socket of the engine there; `undefined` for its default. */
  readonly socket: string | undefined;
}

/** Runs there: joins its stdio to the engine's socket. Wharf's own program first, as that is what was asked for. */
function remoteCommand({ socket }: SshTarget): string {
  const host = socket === undefined ? '' : ` --host unix://${socket}`;
  const dial = (program: string) => `exec ${program}${host} system dial-stdio`;
  return `sh -c 'command -v wharf >/dev/null 2>&1 && ${dial('wharf')}; ${dial('docker')}'`;
}

/** A connection to the engine at the other end of an ssh session; the session ends with it. */
export function dialSsh(target: SshTarget): Duplex {
  const args = [
    '-o',
    'ConnectTimeout=30',
    '-T',
    ...(target.user === undefined ? [] : ['-l', target.user]),
    ...(target.port === undefined ? [] : ['-p', String(target.port)]),
    '--',
    target.host,
    remoteCommand(target),
  ];
  return new ProcessStream(spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'] }), `ssh ${target.host}`);
}

/** stdin and stdout of a process as one stream; its failure is the stream's. Has the methods of a socket that HTTP calls. */
class ProcessStream extends Duplex {
  readonly #child: ChildProcess;
  readonly #input: NonNullable<ChildProcess['stdin']>;
  readonly #output: NonNullable<ChildProcess['stdout']>;

  constructor(child: ChildProcess, name: string) {
    super({ allowHalfOpen: true });
    this.#child = child;
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('the process has no pipes');
    this.#input = stdin;
    this.#output = stdout;
    let said = '';
    stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4096)));
    stdin.on('error', () => undefined); // the process has ended: its exit says why
    stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause();
    });
    child.once('error', (e) => this.destroy(Object.assign(e, { message: `${name}: ${e.message}` })));
    child.once('close', (code) => {
      if (code === 0 || this.destroyed) return void this.push(null);
      const why = said.trim() === '' ? `exit status ${code ?? 'unknown'}` : said.trim();
      this.destroy(Object.assign(new Error(`${name}: ${why}`), { code: 'SSH_FAILED' }));
    });
  }

  override _read(): void {
    this.#output.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#input.write(chunk)) done();
    else this.#input.once('drain', done);
  }

  override _final(done: () => void): void {
    this.#input.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
