import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { wharfPath } from './support/daemon.ts';
import { startRecordingEngine } from './support/recording-engine.ts';
import { run } from './support/run.ts';

const LINES = readFileSync(new URL('cli-lines.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

test('asks the engine for what the docker CLI asks, and refuses what it refuses, in its words', {
  timeout: 600_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-requests-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const cwd = join(directory, 'cwd');
  mkdirSync(join(cwd, 'dir'), { recursive: true });
  const files = {
    envf: 'A=1\n# c\nB\nC=x y\n\n',
    labf: 'l1=a\nl2\n',
    'sec.json': '{"defaultAction":"SCMP_ACT_ALLOW"}',
    badenv: 'a b=1\n',
    badenv2: '=x\n',
    bomenv: '\uFEFFBOM=1\r\nX=2\r\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);

  /** One program over all lines, each with what it said and asked. */
  const overAll = async (program: string, socket: string) => {
    await using engine = await startRecordingEngine(join(directory, socket));
    const env = {
      PATH: process.env['PATH'],
      HOME: directory,
      DOCKER_HOST: engine.host,
      WHARF_HOST: engine.host,
      DOCKER_CONFIG: join(directory, 'config'),
      DOCKER_BUILDKIT: '0',
      NO_COLOR: '1',
    };
    const outcomes = [];
    for (const line of LINES) {
      const { code, stdout, stderr } = await run(program, words(line), { env, cwd });
      const asked = engine.taken().filter(({ method }) => !line.startsWith('exec') || method !== 'GET');
      outcomes.push({ line, code, stdout: named(stdout), stderr: named(stderr), asked: asked.toSorted(byPath) });
    }
    return outcomes;
  };
  const [theirs, ours] = await Promise.all([overAll('docker', 'docker.sock'), overAll(wharfPath, 'wharf.sock')]);
  for (const [i, { line, ...wanted }] of theirs.entries()) {
    const { line: _, ...got } = ours[i] ?? { line };
    await t.test(line, () => assert.deepEqual(got, wanted));
  }
});

/** Several containers are asked for one after the other by us, at once by docker. */
function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** The program's own name, and what we say beyond docker's words, are differences that are meant. */
function named(text: string): string {
  return text
    .replaceAll('docker', 'wharf')
    .split('\n')
    .filter((line) => !line.startsWith('Did you mean'))
    .join('\n');
}

/** Words of a line, with quotes as a shell takes them. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'),
  );
}
