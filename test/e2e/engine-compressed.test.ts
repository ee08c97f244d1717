import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

/** What `tar` is told, and the file name's end. */
const KINDS: [flag: string, end: string][] = [
  ['j', 'bz2'],
  ['J', 'xz'],
  ['z', 'gz'],
];

test('import, load, cp and ADD take tars that were packed by bzip2, xz and gzip', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const docker = async (args: readonly string[], input?: Buffer) => {
      const options = { env: daemon.env, timeoutMs: 30_000, ...(input === undefined ? {} : { input }) };
      const { code, stdout, stderr } = await run('docker', args, options);
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    const directory = join(daemon.directory, 'work');
    mkdirSync(join(directory, 'files'), { recursive: true });
    writeFileSync(join(directory, 'files', 'hello'), 'world\n');
    await docker(['create', '--name', 'box', 'busybox', 'cat', '/tmp/hello']);
    await docker(['save', '-o', join(directory, 'image.tar'), 'busybox']);
    for (const [flag, end] of KINDS) {
      const path = join(directory, `files.tar.${end}`);
      execFileSync('tar', [`-c${flag}f`, path, '-C', join(directory, 'files'), '.']);
      const packed = readFileSync(path);

      await docker(['import', path, `imported:${end}`]);
      await docker(['create', '--name', `of-${end}`, `imported:${end}`, '/x']);
      assert.match(await docker(['cp', `of-${end}:/hello`, '-']), /world/);

      await docker(['cp', '-', 'box:/tmp'], packed);
      assert.equal(await docker(['start', '-a', 'box']), 'world\n');

      const unpack = { gz: 'gzip', bz2: 'bzip2', xz: 'xz' }[end] ?? '';
      execFileSync(unpack, ['-k', '-f', join(directory, 'image.tar')]);
      assert.match(await docker(['load', '-i', join(directory, `image.tar.${end}`)]), /Loaded image: busybox:latest/);

      const context = join(directory, end);
      mkdirSync(context);
      writeFileSync(join(context, 'f.tar'), packed);
      writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nADD f.tar /added/\n');
      await docker(['build', '-q', '-t', `added:${end}`, context]);
      assert.equal(await docker(['run', '--rm', `added:${end}`, 'cat', '/added/hello']), 'world\n');
    }
  });
});
