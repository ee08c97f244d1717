import { enableCompileCache } from 'node:module';
import type { CliIo } from '../cli/index.ts';

// Before anything of ours is loaded, so that all of it is cached.
enableCompileCache();
const { runCli } = await import('../cli/index.ts');

const aborter = new AbortController();
/** Whether somebody looks at the abort signal: if nobody does, Ctrl-C ends the program at once. */
let heeded = false;
/** Setting it up takes time: it is left alone unless something is said there. */
let usesStderr = false;
/** Listeners that took signals over; the newest has them. */
const takers: { readonly names: readonly NodeJS.Signals[]; readonly listener: (name: NodeJS.Signals) => void }[] = [];
const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

const io: CliIo = {
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  get stderr() {
    usesStderr = true;
    return process.stderr;
  },
  env: process.env,
  cwd: process.cwd(),
  // The launcher lies beside the bundle or the sources that Node was given.
  program: (process.argv[1] ?? 'wharf').replace(/\/(dist\/wharf\.js|src\/bin\/wharf\.ts)$/, '/bin/wharf'),
  get signal() {
    heeded = true;
    return aborter.signal;
  },
  onSignals(names, listener) {
    const taker = { names, listener };
    takers.push(taker);
    const extra = names.filter((name) => !(name in NUMBERS));
    for (const name of extra) process.on(name, listener);
    return () => {
      const at = takers.indexOf(taker);
      if (at >= 0) takers.splice(at, 1);
      for (const name of extra) process.off(name, listener);
    };
  },
};

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    const taker = takers.findLast((t) => t.names.includes(name));
    if (taker !== undefined) taker.listener(name);
    else if (!heeded || aborter.signal.aborted) process.exit(128 + NUMBERS[name]);
    else aborter.abort();
  });
}

// Whoever read our output has left (`wharf ps | head -1`): end as SIGPIPE would, without a word.
process.stdout.on('error', (e: NodeJS.ErrnoException) => process.exit(e.code === 'EPIPE' ? 141 : 1));

const code = await runCli(process.argv.slice(2), io);
// A reader that is slow, or busy, has not taken everything yet: what Node still holds would be lost.
await delivered(process.stdout);
if (usesStderr) await delivered(process.stderr);
process.exit(code);

function delivered(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => stream.write('', () => resolve()));
}
