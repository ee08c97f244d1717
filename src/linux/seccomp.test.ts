import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileSeccomp, type SeccompFilter } from './seccomp.ts';

const allow = (names: string[]): SeccompFilter => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }],
});
const available = compileSeccomp(allow(['read'])) !== undefined;

test('a filter becomes instructions of eight bytes each', { skip: !available }, () => {
  const small = compileSeccomp(allow(['read']));
  const large = compileSeccomp(allow(['read', 'write', 'no_such_call', 'close']));
  assert.equal((small?.length ?? 1) % 8, 0);
  assert.ok((large?.length ?? 0) > (small?.length ?? 0));
});

test('what only a runtime can do is left to it', () => {
  for (const filter of [
    { ...allow(['read']), flags: ['SECCOMP_FILTER_FLAG_LOG'] },
    { ...allow(['read']), defaultAction: 'SCMP_ACT_NOTIFY' },
    { ...allow(['read']), architectures: ['SCMP_ARCH_NOPE'] },
    {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        {
          names: ['socket'],
          action: 'SCMP_ACT_ALLOW',
          args: [
            { index: 0, value: 1, op: 'SCMP_CMP_EQ' },
            { index: 0, value: 2, op: 'SCMP_CMP_EQ' },
          ],
        },
      ],
    },
  ]) {
    assert.equal(compileSeccomp(filter), undefined);
  }
});
