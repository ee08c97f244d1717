import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { composeCommand } from '../../src/compose/index.ts';
import { run } from '../e2e/support/run.ts';
import type { Case } from './compose-corpus/case.ts';
import { SERVICE_CASES } from './compose-corpus/services.ts';
import { SET_CASES } from './compose-corpus/sets.ts';
import { CLI_PLUGINS } from '../../scripts/lib/cli-plugins.mjs';

const plugin = join(CLI_PLUGINS, 'docker-compose');
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', HOME: '/home/somebody', SET_IN_SHELL: 'shell' };

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs our own command in this process. */
async function ours(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv, stdin: string): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const shown = Promise.all([text(stdout), text(stderr)]);
  const code = await composeCommand(args, {
    stdin: Readable.from([stdin]),
    stdout,
    stderr,
    env,
    cwd,
    signal: new AbortController().signal,
    connect: () => {
      throw new Error('config needs no engine');
    },
  });
  stdout.end();
  stderr.end();
  const [out, errors] = await shown;
  return { code, stdout: out, stderr: errors };
}

describe('config says what docker compose says', () => {
  let root = '';
  before(() => {
    assert.ok(existsSync(plugin), `${plugin} is missing: run node scripts/setup.mjs --for-tests`);
    root = mkdtempSync(join(tmpdir(), 'wharf-config-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));
  let count = 0;
  for (const [name, one] of Object.entries({ ...SERVICE_CASES, ...SET_CASES })) {
    test(name, async () => {
      const directory = join(root, `c${count++}`);
      const {
        files,
        args = [],
        env = {},
        stdin = '',
        cwd = '.',
      }: Exclude<Case, string> = typeof one === 'string' ? { files: { 'compose.yaml': one } } : one;
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), content);
      }
      const at = join(directory, cwd);
      const chosen = args[0] === 'config-services' ? args.slice(1) : [];
      const globals = args[0] === 'config-services' ? [] : args;
      // `config --hash` of theirs leaves env_file unread, unlike the label that its own `up` writes, which is what ours prints.
      const hashes = Object.values(files).some((text) => text.includes('env_file')) ? [] : [['--hash', '*']];
      for (const asked of [['--format', 'json'], [], ...hashes]) {
        const words = [...globals, 'config', ...asked, ...(asked[0] === '--hash' ? [] : chosen)];
        const environment = { ...ENVIRONMENT, ...env };
        const [theirs, mine] = await Promise.all([
          run(plugin, words, { cwd: at, env: environment, input: stdin, timeoutMs: 30_000 }),
          ours(words, at, environment, stdin),
        ]);
        assert.equal(mine.code, theirs.code, `${words.join(' ')}\ntheirs: ${theirs.stderr}\nours: ${mine.stderr}`);
        assert.equal(mine.stdout, theirs.stdout, words.join(' '));
      }
    });
  }
});
