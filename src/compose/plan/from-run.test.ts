import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromRun } from './from-run.ts';

const CASES: readonly (readonly [string, Record<string, unknown>])[] = [
  ['docker run nginx', { services: { nginx: { image: 'nginx' } } }],
  [
    'docker run -dit --name web -p 8080:80 -e A=1 --env B=2 -v data:/d -v ./x:/y:ro --restart=always repo/nginx:1 sh -c x',
    {
      services: {
        web: {
          image: 'repo/nginx:1',
          stdin_open: true,
          tty: true,
          container_name: 'web',
          ports: ['8080:80'],
          environment: ['A=1', 'B=2'],
          volumes: ['data:/d', './x:/y:ro'],
          restart: 'always',
          command: ['sh', '-c', 'x'],
        },
      },
      volumes: { data: {} },
    },
  ],
  [
    'run --network=back --network-alias db --memory 64m --cpus 1.5 --ulimit nofile=1:2 --health-cmd true --health-retries 3 pg',
    {
      services: {
        pg: {
          image: 'pg',
          mem_limit: '64m',
          cpus: 1.5,
          ulimits: { nofile: { soft: 1, hard: 2 } },
          healthcheck: { test: 'true', retries: 3 },
          networks: { back: { aliases: ['db'] } },
        },
      },
      networks: { back: { external: true } },
    },
  ],
  ['run --network host x', { services: { x: { image: 'x', network_mode: 'host' } } }],
  [
    'run --mount type=bind,src=/a,dst=/b,readonly -p80 x',
    {
      services: {
        x: { image: 'x', ports: ['80'], volumes: [{ type: 'bind', source: '/a', target: '/b', read_only: 'true' }] },
      },
    },
  ],
];

for (const [line, model] of CASES)
  test(`a file for: ${line}`, () => assert.deepEqual(fromRun(line.split(' ')).model, model));

test('flags without a place in a file are named, unknown ones refused', () => {
  assert.deepEqual(fromRun(['run', '--rm', '-d', 'x']).ignored, ['--rm']);
  assert.throws(() => fromRun(['run', '--pubish', '80', 'x']), /unknown flag: --pubish.*did you mean "--publish"/);
  assert.throws(() => fromRun(['run', '-d']), /names no image/);
  assert.throws(() => fromRun(['run', '-p']), /flag needs an argument/);
});
