import { type ChildProcess, spawn } from 'node:child_process';

export interface Outcome {
  /** `null`: killed. */
  readonly code: number | null;
  /** It had not ended by the time it was given. */
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** A client's process, which may be killed on the way. */
export class Command {
  readonly words: readonly string[];
  readonly done: Promise<Outcome>;
  readonly #child: ChildProcess;
  /** It was killed by a fault: whatever it has said counts for nothing. */
  killed = false;

  constructor(
    program: string,
    words: readonly string[],
    options: { readonly env: NodeJS.ProcessEnv; readonly cwd?: string; readonly timeoutMs?: number },
  ) {
    this.words = words;
    this.#child = spawn(program, words, {
      env: options.env,
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    this.done = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        resolve({ code, timedOut: signal === 'SIGKILL' && !this.killed, stdout, stderr });
      });
    });
  }

  kill(): void {
    if (this.#child.exitCode !== null) return;
    this.killed = true;
    this.#child.kill('SIGKILL');
  }
}
