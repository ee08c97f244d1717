import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerCreateRequest, ContainerInspect } from '../../core/wire/container.ts';
import type { ImageInspect } from '../../core/wire/resources.ts';
import { differences } from './differences.ts';

const IMAGE = { Config: { Env: ['PATH=/bin'], Cmd: ['sh'], Labels: { maker: 'me' } } } as unknown as ImageInspect;

function changed(now: object, wanted: object): string[] {
  const there = {
    Config: {
      Image: 'x',
      Env: ['PATH=/bin', 'A=1'],
      Cmd: ['sh'],
      Labels: { maker: 'me', 'com.docker.compose.service': 's' },
    },
    HostConfig: {
      NetworkMode: 'p_default',
      ShmSize: 67_108_864,
      Memory: 0,
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    },
    ...now,
  } as unknown as ContainerInspect;
  const request = { Image: 'x', Env: ['A=1'], Labels: {}, HostConfig: { NetworkMode: 'p_default' }, ...wanted };
  return differences(there, request as unknown as ContainerCreateRequest, IMAGE).map(
    (d) => `${d.path}: ${d.was} -> ${d.is}`,
  );
}

const CASES: readonly (readonly [string, object, object, readonly string[]])[] = [
  ['nothing', {}, {}, []],
  ['a variable', {}, { Env: ['A=2'] }, ['environment.A: "1" -> "2"']],
  [
    'a variable more, another less',
    {},
    { Env: ['B=2'] },
    ['environment.A: "1" -> (none)', 'environment.B: (none) -> "2"'],
  ],
  ['a label', {}, { Labels: { a: 'b' } }, ['labels.a: (none) -> "b"']],
  ['the command', {}, { Cmd: ['ls'] }, ['command: ["sh"] -> ["ls"]']],
  [
    "an entrypoint, which takes the image's command away",
    {},
    { Entrypoint: ['/e'] },
    ['command: ["sh"] -> []', 'entrypoint: [] -> ["/e"]'],
  ],
  ['memory', {}, { HostConfig: { NetworkMode: 'p_default', Memory: 1024 } }, ['mem_limit: (none) -> 1024']],
  [
    'a port',
    {},
    { HostConfig: { NetworkMode: 'p_default', PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '81' }] } } },
    ['ports: (none) -> {"80/tcp":[{"HostIp":"","HostPort":"81"}]}'],
  ],
];

for (const [name, now, wanted, expected] of CASES)
  test(`what changed: ${name}`, () => assert.deepEqual(changed(now, wanted), expected));
