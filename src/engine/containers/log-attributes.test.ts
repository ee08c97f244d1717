import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLogExpressions, logAttributes } from './log-attributes.ts';
import type { ContainerRecord } from './record.ts';

function record(options: Record<string, string>): ContainerRecord {
  return {
    id: 'f'.repeat(64),
    name: 'web',
    imageId: 'sha256:abc',
    config: { Image: 'nginx', Labels: { app: 'shop', tier: 'front' }, Env: ['A=1=2', 'B', 'PATH=/bin'] },
    hostConfig: { LogConfig: { Type: 'json-file', Config: options } },
  } as unknown as ContainerRecord;
}

const CASES: [Record<string, string>, Record<string, string> | undefined][] = [
  [{}, undefined],
  [{ labels: 'app,none' }, { app: 'shop' }],
  [{ 'labels-regex': '^t' }, { tier: 'front' }],
  [{ env: 'A,B' }, { A: '1=2', B: '' }],
  [{ 'env-regex': '^P' }, { PATH: '/bin' }],
  [{ tag: '{{.ImageName}}/{{ .Name }}/{{.ID}}/{{.Nope}}' }, { tag: 'nginx/web/ffffffffffff/{{.Nope}}' }],
];
for (const [options, expected] of CASES) {
  test(JSON.stringify(options), () => assert.deepEqual(logAttributes(record(options)), expected));
}

test('an expression that is none is refused', () => {
  const host = { LogConfig: { Config: { 'env-regex': '(' } } };
  assert.throws(() => checkLogExpressions(host), /invalid env-regex/);
});
