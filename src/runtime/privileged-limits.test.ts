import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raisingTo } from './privileged-limits.ts';

const own = {
  limits: `Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 20000                files
Max locked memory         8388608              8388608              bytes
Max processes             unlimited            unlimited            processes
`,
  score: 0,
};
const limit = (type: string, hard: number) => ({ type: `RLIMIT_${type}`, soft: 1, hard });

for (const [what, process, expected] of [
  ['nothing asked for', {}, []],
  ['less than there is', { rlimits: [limit('NOFILE', 20_000), limit('NPROC', 5)], oomScoreAdj: 100 }, []],
  ['more files', { rlimits: [limit('NOFILE', 20_001)] }, ['prlimit', '--nofile=:20001']],
  [
    'all of it',
    { rlimits: [limit('MEMLOCK', Number.MAX_SAFE_INTEGER), limit('NOFILE', 1e6)], oomScoreAdj: -5 },
    ['prlimit', '--memlock=:9007199254740991', '--nofile=:1000000', 'choom', '-n', '-5', '--'],
  ],
  ['a limit that the kernel does not have', { rlimits: [limit('ODD', 5)] }, []],
] as const) {
  test(`limits that nobody can raise inside: ${what}`, () =>
    assert.deepEqual(raisingTo({ ...process, rlimits: [...(process.rlimits ?? [])] }, own), expected));
}
