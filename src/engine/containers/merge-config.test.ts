import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageRunConfig } from '../../core/oci.ts';
import type { ContainerConfig } from '../../core/wire/container.ts';
import { argvOf, mergeConfig, mergeEnv } from './merge-config.ts';

const image: ImageRunConfig = { Entrypoint: ['/entry'], Cmd: ['serve'] };
const ARGV: [string, ContainerConfig, ImageRunConfig | undefined, string[]][] = [
  ['nothing asked: the image decides', {}, image, ['/entry', 'serve']],
  ['a command replaces the command', { Cmd: ['x'] }, image, ['/entry', 'x']],
  ['an entrypoint drops the command of the image', { Entrypoint: ['/mine'] }, image, ['/mine']],
  ['both', { Entrypoint: ['/mine'], Cmd: ['y'] }, image, ['/mine', 'y']],
  ['the empty entrypoint means none', { Entrypoint: [''], Cmd: ['y'] }, image, ['y']],
  ['an empty list is like none', { Entrypoint: [], Cmd: [] }, image, ['/entry', 'serve']],
  ['no image', { Cmd: ['z'] }, undefined, ['z']],
  ['nothing at all', {}, undefined, []],
];
for (const [name, request, base, expected] of ARGV) {
  test(`argv: ${name}`, () => assert.deepEqual(argvOf(mergeConfig(request, base)), expected));
}

const ENV: [string, string[], string[], string[]][] = [
  ['replaces in place', ['A=1', 'B=2'], ['A=3'], ['A=3', 'B=2']],
  ['adds behind', ['A=1'], ['C=4'], ['A=1', 'C=4']],
  ['a bare name takes away', ['A=1', 'B=2'], ['A'], ['B=2']],
  ['an empty value stays', [], ['A='], ['A=']],
  ['the value may hold =', [], ['A=b=c'], ['A=b=c']],
  ['names differ by case', ['a=1'], ['A=2'], ['a=1', 'A=2']],
];
for (const [name, under, over, expected] of ENV) {
  test(`env: ${name}`, () => assert.deepEqual(mergeEnv(under, over), expected));
}

test('labels, ports and volumes are united, the request wins', () => {
  const merged = mergeConfig(
    { Labels: { a: 'mine' }, ExposedPorts: { '81/tcp': {} }, Volumes: { '/v': {} } },
    { Labels: { a: 'its', b: 'its' }, ExposedPorts: { '80/tcp': {} }, Volumes: { '/w': {} } },
  );
  assert.deepEqual(merged.Labels, { a: 'mine', b: 'its' });
  assert.deepEqual(Object.keys(merged.ExposedPorts ?? {}), ['80/tcp', '81/tcp']);
  assert.deepEqual(Object.keys(merged.Volumes ?? {}), ['/w', '/v']);
});

test('a health check is merged field by field', () => {
  const merged = mergeConfig(
    { Healthcheck: { Interval: 5e9 } },
    { Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9, Retries: 2 } },
  );
  assert.deepEqual(merged.Healthcheck, { Test: ['CMD', 'true'], Interval: 5e9, Retries: 2 });
});
