import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFailureOf } from './errors.ts';
import { ociFailure } from './oci-failure.ts';

const CREATE =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
const EXEC = 'OCI runtime exec failed: exec failed: unable to start container process: ';

const cases: [said: string, action: 'create' | 'exec', program: string, message: string, exitCode: number][] = [
  [
    'runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH',
    'create',
    'nope',
    `${CREATE}error during container init: exec: "nope": executable file not found in $PATH: unknown`,
    127,
  ],
  [
    'executable file `nope` not found in $PATH: No such file or directory',
    'create',
    'nope',
    `${CREATE}error during container init: exec: "nope": executable file not found in $PATH: unknown`,
    127,
  ],
  [
    'executable file `/x/nope` not found: No such file or directory',
    'create',
    '/x/nope',
    `${CREATE}error during container init: exec: "/x/nope": stat /x/nope: no such file or directory: unknown`,
    127,
  ],
  [
    'open executable: Permission denied',
    'create',
    '/etc/passwd',
    `${CREATE}error during container init: exec: "/etc/passwd": permission denied: unknown`,
    126,
  ],
  [
    'open executable: Operation not permitted',
    'create',
    '/etc',
    `${CREATE}error during container init: exec: "/etc": permission denied: unknown`,
    126,
  ],
  [
    'exec failed: unable to start container process: exec: "nope": executable file not found in $PATH',
    'exec',
    'nope',
    `${EXEC}exec: "nope": executable file not found in $PATH: unknown`,
    127,
  ],
  [
    'runc create failed: unable to start container process: error during container init: error mounting "x" to rootfs at "/y": not possible',
    'create',
    'sh',
    `${CREATE}error during container init: error mounting "x" to rootfs at "/y": not possible: unknown`,
    128,
  ],
];
for (const [said, action, program, message, exitCode] of cases) {
  test(`"${said}" becomes Docker's words`, () => {
    const log = `{"level":"debug","msg":"x"}\n${JSON.stringify({ level: 'error', msg: said })}\n`;
    const error = ociFailure(action, program, { message: 'ended with 1', log });
    assert.equal(error.message, message);
    assert.equal(startFailureOf(error), exitCode);
  });
}

test('a runtime that said nothing, or no JSON', () => {
  assert.match(ociFailure('create', 'sh', { message: 'crun create ended with 1', log: '' }).message, /ended with 1/);
  assert.match(ociFailure('create', 'sh', { message: '', log: 'panic: x\n' }).message, /panic: x: unknown$/);
});
