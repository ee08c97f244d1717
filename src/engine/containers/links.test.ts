import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkEnv, linkHostsLine, parseLink } from './links.ts';
import type { LinkedContainer } from './links.ts';

const linked = (ExposedPorts: Record<string, object>, Env: string[] = []) =>
  ({
    alias: 'my-db',
    address: '172.17.0.2',
    record: { id: '0123456789abcdef', name: 'database', config: { ExposedPorts, Env } },
  }) as unknown as LinkedContainer;

test('variables of a link: its ports, ranges of them, its own environment', () => {
  assert.deepEqual(linkEnv('web', linked({ '3306/tcp': {} }, ['PATH=/bin', 'MODE=fast', 'EMPTY='])), [
    'MY_DB_PORT=tcp://172.17.0.2:3306',
    'MY_DB_PORT_3306_TCP=tcp://172.17.0.2:3306',
    'MY_DB_PORT_3306_TCP_ADDR=172.17.0.2',
    'MY_DB_PORT_3306_TCP_PORT=3306',
    'MY_DB_PORT_3306_TCP_PROTO=tcp',
    'MY_DB_NAME=/web/my-db',
    'MY_DB_ENV_MODE=fast',
    'MY_DB_ENV_EMPTY=',
  ]);
  const many = linkEnv('web', linked({ '8001/tcp': {}, '8000/tcp': {}, '8002/udp': {}, '9000/tcp': {} }));
  assert.equal(many[0], 'MY_DB_PORT=tcp://172.17.0.2:8000');
  assert.deepEqual(
    many.filter((entry) => /START|END/.test(entry)),
    [
      'MY_DB_PORT_8000_TCP_START=tcp://172.17.0.2:8000',
      'MY_DB_PORT_8000_TCP_PORT_START=8000',
      'MY_DB_PORT_8000_TCP_END=tcp://172.17.0.2:8001',
      'MY_DB_PORT_8000_TCP_PORT_END=8001',
    ],
  );
  assert.deepEqual(linkEnv('web', linked({})), ['MY_DB_NAME=/web/my-db']);
});

test('a link is a name with or without alias, also as inspect shows it; its line of hosts has each name once', () => {
  assert.deepEqual(parseLink('db'), { target: 'db', alias: 'db' });
  assert.deepEqual(parseLink('db:store'), { target: 'db', alias: 'store' });
  assert.deepEqual(parseLink('/db:/web/store'), { target: 'db', alias: 'store' });
  assert.throws(() => parseLink('a:b:c'), { code: 'INVALID_PARAMETER' });
  assert.deepEqual(linkHostsLine(linked({})).names, ['my-db', '0123456789ab', 'database']);
});
