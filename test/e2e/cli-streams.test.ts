import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

test('the command line joins our streams, signals and terminal to a container', { timeout: 180_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = (args: readonly string[], input?: string | Buffer) =>
      run(wharfPath, args, { env: daemon.env, ...(input === undefined ? {} : { input }) });

    await t.test('output, errors and exit code arrive apart', async () => {
      const outcome = await wharf(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
      assert.deepEqual(outcome, { code: 7, stdout: 'out\n', stderr: 'err\n' });
    });

    await t.test('stdin goes in whole and its end is seen', async () => {
      const bytes = randomBytes(3_000_000);
      const sum = createHash('md5').update(bytes).digest('hex');
      const outcome = await wharf(['run', '--rm', '-i', 'busybox', 'md5sum'], bytes);
      assert.equal(outcome.stdout, `${sum}  -\n`);
    });

    await t.test('input that ends before the container has started ends for it too', async () => {
      for (const client of ['docker', wharfPath]) {
        const outcome = await run(client, ['run', '--rm', '-i', 'busybox', 'cat'], { env: daemon.env, input: '' });
        assert.deepEqual(outcome, { code: 0, stdout: '', stderr: '' }, client);
      }
    });

    await t.test('exec: streams and exit code; attach: to a running container only', async () => {
      assert.equal((await wharf(['run', '-d', '--name', 'web', 'busybox', 'sleep', '1000'])).code, 0);
      assert.deepEqual(await wharf(['exec', '-i', 'web', 'sh', '-c', 'cat; exit 3'], 'typed'), {
        code: 3,
        stdout: 'typed',
        stderr: '',
      });
      await wharf(['create', '--name', 'resting', 'busybox', 'true']);
      const refused = await wharf(['attach', 'resting']);
      assert.match(refused.stderr, /You cannot attach to a stopped container, start it first/);
      assert.equal((await wharf(['rm', '-f', 'web', 'resting'])).stdout, 'web\nresting\n');
    });

    await t.test('a signal for the client is one for the container', async () => {
      const script = 'trap "echo got TERM; exit 9" TERM; echo ready; while :; do sleep 0.1; done';
      const child = spawn(wharfPath, ['run', '--rm', 'busybox', 'sh', '-c', script], { env: daemon.env });
      const { text, code } = await whileReading(child, (said) => {
        if (said.includes('ready') && !child.killed) child.kill('SIGTERM');
      });
      assert.equal(text, 'ready\ngot TERM\n');
      assert.equal(code, 9);
    });

    await t.test('a terminal: raw keys, its size, the exit code', async () => {
      const { text, code } = await onTerminal(daemon, 'run --rm -it busybox sh', [['/ # ', 'stty size; exit 5\n']]);
      assert.match(text, /24 80/);
      assert.equal(code, 5);
    });

    await t.test('the detach keys leave the container running', async () => {
      const { code } = await onTerminal(daemon, 'run -it --name kept busybox sh', [['/ # ', '\x10\x11']]);
      assert.equal(code, 0);
      assert.equal((await wharf(['inspect', '-f', '{{.State.Running}}', 'kept'])).stdout, 'true\n');
      const again = await onTerminal(daemon, 'attach kept', [
        ['', '\n'],
        ['/ # ', 'exit 4\n'],
      ]);
      assert.equal(again.code, 4);
    });

    await t.test('-it without a terminal is refused before anything is created', async () => {
      const outcome = await wharf(['run', '--name', 'never', '-it', 'busybox'], '');
      assert.equal(outcome.stderr, 'the input device is not a TTY\n');
      assert.equal(outcome.code, 1);
      assert.equal((await wharf(['ps', '-aq', '-f', 'name=never'])).stdout, '');
    });
  });
});

/** All that a child says on stdout, and its exit code; `look` sees the text so far after each piece. */
async function whileReading(
  child: ReturnType<typeof spawn>,
  look: (said: string) => void,
): Promise<{ text: string; code: number | null }> {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    look(text);
  });
  const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
  return { text, code };
}

/** Runs `wharf LINE` on a terminal of 24 rows and 80 columns, typing each text once what it waits for has appeared. */
function onTerminal(
  daemon: TestDaemon,
  line: string,
  typed: readonly (readonly [after: string, keys: string])[],
): Promise<{ text: string; code: number | null }> {
  const child = spawn('script', ['-qec', `stty rows 24 cols 80; ${wharfPath} ${line}`, '/dev/null'], {
    env: daemon.env,
  });
  let step = 0;
  let seen = 0;
  const look = (said: string) => {
    for (let next = typed[step]; next !== undefined; next = typed[step]) {
      const at = said.indexOf(next[0], seen);
      if (at < 0) return;
      seen = at + next[0].length;
      step++;
      child.stdin.write(next[1]);
    }
  };
  look('');
  return whileReading(child, look);
}
