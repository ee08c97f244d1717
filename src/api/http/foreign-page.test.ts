import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { refuseForeignPage } from './foreign-page.ts';

interface Asked {
  readonly origin?: string;
  readonly host?: string;
  readonly at?: string;
  readonly encrypted?: boolean;
}
const LOCAL = '127.0.0.1';

const rows: [what: string, asked: Asked, code: string | undefined][] = [
  ['a client on the unix socket', { host: 'api.moby.localhost' }, undefined],
  ['any host name on the unix socket', { host: 'evil.test' }, undefined],
  [
    'a page through something that leads to the unix socket',
    { host: 'localhost', origin: 'http://evil.test' },
    'FOREIGN_ORIGIN',
  ],
  ['a client on loopback', { host: '127.0.0.1:2375', at: LOCAL }, undefined],
  ['the same over IPv6', { host: '[::1]:2375', at: '::1' }, undefined],
  ['by name', { host: 'localhost:2375', at: LOCAL }, undefined],
  ['by the name of the machine', { host: `${hostname()}:2375`, at: LOCAL }, undefined],
  ['HTTP/1.0', { at: LOCAL }, undefined],
  ['a page elsewhere', { host: '127.0.0.1:2375', at: LOCAL, origin: 'https://evil.test' }, 'FOREIGN_ORIGIN'],
  ['a page from a file', { host: '127.0.0.1:2375', at: LOCAL, origin: 'null' }, 'FOREIGN_ORIGIN'],
  ['a page of another port', { host: '127.0.0.1:2375', at: LOCAL, origin: 'http://127.0.0.1:8080' }, 'FOREIGN_ORIGIN'],
  ['a page of our own', { host: '127.0.0.1:2375', at: LOCAL, origin: 'http://127.0.0.1:2375' }, undefined],
  ['a name that was made to lead here', { host: 'evil.test:2375', at: LOCAL }, 'FOREIGN_HOST'],
  ['the same with its origin', { host: 'evil.test:2375', at: LOCAL, origin: 'http://evil.test:2375' }, 'FOREIGN_HOST'],
  ['a name that looks like an address', { host: '127.0.0.1.evil.test', at: '::ffff:127.0.0.1' }, 'FOREIGN_HOST'],
  [
    'an origin that hides its host',
    { host: 'a.test', at: '10.0.0.1', origin: 'http://a.test@evil.test' },
    'FOREIGN_ORIGIN',
  ],
  ['a client on the network, by whatever name', { host: 'docker:2375', at: '10.0.0.1' }, undefined],
  ['a page on the network', { host: 'docker:2375', at: '10.0.0.1', origin: 'http://evil.test' }, 'FOREIGN_ORIGIN'],
  ['TLS, where a name needs a certificate', { host: 'ci.test:2376', at: LOCAL, encrypted: true }, undefined],
];
for (const [what, { origin, host, at, encrypted }, code] of rows) {
  test(`${what} is ${code === undefined ? 'answered' : 'refused'}`, () => {
    const headers = { ...(origin === undefined ? {} : { origin }), ...(host === undefined ? {} : { host }) };
    const request = { headers, socket: { localAddress: at, encrypted } } as unknown as IncomingMessage;
    if (code === undefined) refuseForeignPage(request);
    else assert.throws(() => refuseForeignPage(request), { code });
  });
}
