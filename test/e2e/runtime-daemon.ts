// A daemon's part in the crash tests: opens the runtime of a directory, starts containers as asked by lines of JSON on stdin
// ({id, args}), says what happens in lines of JSON on stdout. It is there to be killed.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openRuntime } from '../../src/runtime/index.ts';
import { containerSpec, runtimeOptions } from './runtime-support.ts';

const [directory = ''] = process.argv.slice(2);
const runtime = await openRuntime(runtimeOptions(directory));
const say = (message: unknown): void => console.log(JSON.stringify(message));
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, args } = JSON.parse(line) as { id: string; args: string[] };
  const bundleDir = join(directory, 'bundles', id);
  mkdirSync(bundleDir, { recursive: true });
  await runtime.create({
    id,
    bundleDir,
    spec: containerSpec(directory, id, args),
    tty: false,
    openStdin: false,
    stdinOnce: false,
    log: { path: join(bundleDir, 'json.log'), maxSizeBytes: 0, maxFiles: 1 },
  });
  await runtime.start(id);
  say({ started: id });
}
