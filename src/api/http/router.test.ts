import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routes } from '../routes/index.ts';
import { createRoutes } from './router.ts';
import { compareVersions, checkVersion, splitVersion } from './version.ts';

const router = createRoutes(routes);
const rows: [method: string, path: string, route: string | undefined, params?: Record<string, string>][] = [
  ['GET', '/images/json', '/images/json'],
  ['GET', '/images/busybox/json', '/images/:name+/json', { name: 'busybox' }],
  ['GET', '/images/library/busybox:latest/json', '/images/:name+/json', { name: 'library/busybox:latest' }],
  ['GET', '/images/host:5000/a/b@sha256:1/json', '/images/:name+/json', { name: 'host:5000/a/b@sha256:1' }],
  ['GET', '/images/a%2Fb/json', '/images/:name+/json', { name: 'a/b' }],
  ['GET', '/images/json/json', '/images/:name+/json', { name: 'json' }],
  ['GET', '/images/a/b/history', '/images/:name+/history', { name: 'a/b' }],
  ['GET', '/images/a/b/get', '/images/:name+/get', { name: 'a/b' }],
  ['GET', '/images/get', '/images/get'],
  ['DELETE', '/images/a/b:1', '/images/:name+', { name: 'a/b:1' }],
  ['POST', '/images/a/b/push', '/images/:name+/push', { name: 'a/b' }],
  ['POST', '/images/a/b/tag', '/images/:name+/tag', { name: 'a/b' }],
  ['POST', '/images/create', '/images/create'],
  ['GET', '/images/a/b', undefined],
  ['GET', '/containers/json', '/containers/json'],
  ['GET', '/containers/json/json', '/containers/:id/json', { id: 'json' }],
  ['POST', '/containers/web/start', '/containers/:id/start', { id: 'web' }],
  ['GET', '/containers/web/start', undefined],
  ['HEAD', '/containers/web/archive', '/containers/:id/archive', { id: 'web' }],
  ['HEAD', '/containers/json', undefined],
  ['GET', '/swarm', '/swarm'],
  ['GET', '/services/a/logs', '/services/:rest+', { rest: 'a/logs' }],
  ['GET', '/nothing', undefined],
];
for (const [method, path, route, params = {}] of rows)
  test(`${method} ${path} goes to ${route ?? 'nobody'}`, () => {
    const found = router.find(method, path);
    assert.equal(found?.route.path, route);
    if (route !== undefined) assert.deepEqual({ ...found?.params }, params);
  });

test('a version is split off the path', () => {
  assert.deepEqual(splitVersion('/v1.44/info'), { version: '1.44', path: '/info' });
  assert.deepEqual(splitVersion('/info'), { version: '1.50', path: '/info' });
  assert.deepEqual(splitVersion('/volumes/v1.2/x'), { version: '1.50', path: '/volumes/v1.2/x' });
});

test('versions compare by number, and those out of range are refused in the words that clients know', () => {
  assert.ok(compareVersions('1.9', '1.24') < 0);
  checkVersion('1.24');
  checkVersion('1.50');
  assert.throws(() => checkVersion('1.23'), {
    message:
      'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  });
  assert.throws(() => checkVersion('1.99'), {
    message: 'client version 1.99 is too new. Maximum supported API version is 1.50',
  });
});
