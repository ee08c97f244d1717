import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assertNothingLeft, takeCensus } from './support/census.ts';
import { run } from './support/run.ts';

const MAIN = fileURLToPath(new URL('../faults/main.ts', import.meta.url));
const ARGS = ['--disable-warning=ExperimentalWarning', MAIN];

for (const [args, says] of [
  [['--sede', '7'], /Unknown option '--sede'/],
  [['rounds'], /Unexpected argument 'rounds'/],
  [['--seed', 'x'], /--seed: "x" is no whole number/],
  [['--rounds', '-1'], /--rounds/],
  [['--only', 'daemon,earthquake'], /--only: there is no fault "earthquake"/],
  [['--only', 'constructor'], /--only: there is no fault "constructor"/],
  [['--scenario', 'fire'], /--scenario: there is no scenario "fire"/],
] as const) {
  test(`the fault harness refuses "${args.join(' ')}", and says what there is`, async () => {
    const { code, stdout, stderr } = await run(process.execPath, [...ARGS, ...args], { timeoutMs: 30_000 });
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, says);
    assert.match(stderr, /usage: npm run faults/);
  });
}

test('the fault harness names its seed first; Ctrl-C in the middle of a round leaves nothing', {
  timeout: 120_000,
}, async () => {
  const directories = () => readdirSync(tmpdir()).filter((name) => name.startsWith('wharf-faults-'));
  const before = { census: takeCensus(), directories: directories() };
  const child = spawn(process.execPath, [...ARGS, '--seed', '4711', '--rounds', '1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    // The second round is under way.
    if (/^ +1 /.test(line)) setTimeout(() => child.kill('SIGINT'), 300);
  }
  const [code] = await ended;
  assert.match(lines[0] ?? '', /^seed 4711, rounds 1 to 1000 /);
  assert.match(lines.at(-1) ?? '', /^\d+ rounds in \d+ s, 0 broken promises; seed 4711$/, lines.join('\n'));
  assert.equal(code, 0);
  assertNothingLeft(before.census, takeCensus());
  const mine = directories().filter((name) => !before.directories.includes(name));
  assert.deepEqual(mine, []);
});
