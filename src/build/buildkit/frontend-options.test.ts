import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFrontendOptions } from './frontend-options.ts';

test('the attributes that buildx sends', () => {
  const { request, ...rest } = readFrontendOptions({
    filename: 'Other',
    target: 'a',
    'build-arg:A': '1',
    'build-arg:EMPTY': '',
    'label:x': 'y',
    'context:base': 'docker-image://busybox',
    'no-cache': 'one,two',
    'image-resolve-mode': 'pull',
    platform: 'linux/amd64',
    'add-hosts': 'a=10.0.0.1,b=::1',
    'force-network-mode': 'none',
    'shm-size': '1048576',
    ulimit: 'nofile=1024:2048,core=0',
    'cgroup-parent': 'builds',
    cmdline: 'docker build',
    'local-sessionid:context': 'x',
  });
  assert.deepEqual(request.buildArgs, { A: '1', EMPTY: '' });
  assert.deepEqual(request.labels, { x: 'y' });
  assert.deepEqual(rest.namedContexts, { base: 'docker-image://busybox' });
  assert.deepEqual(request.noCacheStages, ['one', 'two']);
  assert.deepEqual(request.limits, {
    ulimits: [
      { Name: 'nofile', Soft: 1024, Hard: 2048 },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    cgroupParent: 'builds',
  });
  assert.deepEqual(request.extraHosts, ['a:10.0.0.1', 'b:::1']);
  const { dockerfile, target, noCache, pull, networkMode, shmSizeBytes } = request;
  assert.deepEqual(
    [dockerfile, target, noCache, pull, networkMode, shmSizeBytes],
    ['Other', 'a', false, true, 'none', 1048576],
  );
});

test('nothing given', () => {
  const { request, contextDirectory, dockerfileDirectory, contextUrl } = readFrontendOptions({});
  assert.deepEqual([contextDirectory, dockerfileDirectory, contextUrl], ['context', 'dockerfile', undefined]);
  assert.deepEqual([request.dockerfile, request.networkMode, request.noCache], ['Dockerfile', 'default', false]);
  assert.equal(readFrontendOptions({ 'no-cache': '' }).request.noCache, true);
});

const refused: [name: string, attrs: Record<string, string>, says: RegExp][] = [
  ['limits that there are not', { ulimit: 'files=1' }, /invalid ulimit type: files/],
  ['a group above all', { 'cgroup-parent': '../x' }, /invalid cgroup parent/],
  ['other requests', { requestid: 'frontend.other' }, /request "frontend.other" is not supported/],
  ['what is not known', { surprise: 'x' }, /option "surprise" is not supported/],
];
for (const [name, attrs, says] of refused) {
  test(`refused: ${name}`, () => assert.throws(() => readFrontendOptions(attrs), says));
}
