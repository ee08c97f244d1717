import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { CREATE_CONTAINER } from '../../src/api/decode/container-shapes.ts';
import type { Shape } from '../../src/api/decode/shape.ts';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

type Json = unknown;

/** Mounts in which one field is then made wrong. */
const MOUNTS = [
  { Type: 'bind', Source: '/tmp', Target: '/x' },
  { Type: 'volume', Target: '/x' },
  { Type: 'tmpfs', Target: '/x' },
  { Type: 'image', Source: 'busybox', Target: '/x' },
];

/** Documents with one value each, at every place that a shape has. */
function* documents(shape: Shape, values: readonly Json[], path = ''): Generator<readonly [string, Json]> {
  for (const value of values) yield [`${path}=${JSON.stringify(value)?.slice(0, 60)}`, value];
  if (typeof shape !== 'object') return;
  if ('list' in shape) for (const [where, value] of documents(shape.list, values, `${path}[]`)) yield [where, [value]];
  if ('map' in shape) {
    for (const key of ['/x', '80/tcp', 'k']) {
      for (const [where, value] of documents(shape.map, values, `${path}.${key}`)) yield [where, { [key]: value }];
    }
    for (const key of ['', '\0', '\n', '../..', '__proto__', 'x'.repeat(5000)]) {
      const inner = shape.map === 'text' ? 'v' : typeof shape.map === 'object' && 'list' in shape.map ? [] : {};
      yield [`${path}.${JSON.stringify(key).slice(0, 40)}`, Object.fromEntries([[key, inner]])];
    }
  }
  if ('struct' in shape) {
    const bases = path.endsWith('.Mounts[]') ? MOUNTS : [{}];
    for (const [field, inner] of Object.entries(shape.struct)) {
      for (const [where, value] of documents(inner, values, `${path}.${field}`))
        for (const base of bases) yield [where, { ...base, [field]: value }];
    }
  }
}

const HOSTILE: readonly Json[] = [
  null,
  true,
  -1,
  1.5,
  2 ** 60,
  '',
  '\0',
  'a\nb 6.6.6.6',
  '../../../../tmp/x',
  '/../../x',
  '$(id)',
  'x'.repeat(100_000),
  {},
  [],
  [[]],
  ['\0'],
];

/** Words of a fault of ours, or of the kernel's where the request should have been refused. */
const UNFORESEEN = /TypeError|undefined|\bat .*\.ts|is not a function|ENAMETOOLONG/;

interface Answer {
  readonly status: number;
  readonly text: string;
}

function call(daemon: TestDaemon, method: string, path: string, body?: Json): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const req = request({ socketPath: daemon.socket, method, path, headers }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text }));
    });
    req.on('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('every field of create, with every kind of wrong value: an answer with a reason, or a container that can be removed', {
  timeout: 300_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const base = { Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: 'none' } };
    const counts = new Map<number, number>();
    let made = 0;
    for (const [where, document] of documents(CREATE_CONTAINER, HOSTILE)) {
      if (typeof document !== 'object' || document === null || Array.isArray(document)) continue;
      const { HostConfig, ...rest } = document as { HostConfig?: Json };
      const isPlain = typeof HostConfig === 'object' && HostConfig !== null && !Array.isArray(HostConfig);
      const host = isPlain ? { ...base.HostConfig, ...HostConfig } : (HostConfig ?? base.HostConfig);
      const { status, text } = await call(daemon, 'POST', '/containers/create', { ...base, ...rest, HostConfig: host });
      counts.set(status, (counts.get(status) ?? 0) + 1);
      assert.ok([201, 400, 404, 409, 500].includes(status), `${where}: ${status} ${text}`);
      const answer = JSON.parse(text) as { Id?: string; message?: string };
      if (status !== 201) {
        assert.ok(answer.message, `${where}: ${text}`);
        assert.doesNotMatch(answer.message, UNFORESEEN, where);
        continue;
      }
      made++;
      if (made % 5 === 0) {
        const started = await call(daemon, 'POST', `/containers/${answer.Id}/start`);
        assert.ok([204, 400, 404, 409, 500].includes(started.status), `${where}: start ${started.status}`);
        assert.doesNotMatch(started.text, UNFORESEEN, where);
      }
      const removed = await call(daemon, 'DELETE', `/containers/${answer.Id}?force=1&v=1`);
      // With AutoRemove it may have gone by itself.
      const isGone = where.includes('AutoRemove') && [404, 409].includes(removed.status);
      assert.ok(removed.status === 204 || isGone, `${where}: ${removed.text}`);
    }
    const expected500 = counts.get(500) ?? 0;
    assert.ok(expected500 < (counts.get(400) ?? 0) / 10, JSON.stringify([...counts]));
    assert.deepEqual(await api(daemon.socket, 'GET', '/containers/json?all=1'), []);
    assert.doesNotMatch(daemon.log, /request failed/);
  });
});
