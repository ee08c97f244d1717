import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encoderFor, syslogMessage } from './encode.ts';
import type { SyslogFormat, SyslogTarget } from './target.ts';

const record = (text: string, stream: 'stdout' | 'stderr' = 'stdout') => ({
  stream,
  time: '2026-03-04T05:06:07.123456789Z',
  payload: Buffer.from(text),
  attrs: undefined,
});
const target = (format: SyslogFormat, more: Partial<SyslogTarget> = {}): SyslogTarget => ({
  kind: 'syslog',
  address: { transport: 'udp', host: 'logs', port: 514 },
  format,
  facility: 3,
  tag: 'app',
  hostname: 'box',
  ...more,
});
const local = new Date('2026-03-04T05:06:07Z');
const clock = [local.getHours(), local.getMinutes(), local.getSeconds()]
  .map((n) => String(n).padStart(2, '0'))
  .join(':');
const STAMP = `Mar ${String(local.getDate()).padStart(2, ' ')} ${clock}`;
const pid = process.pid;

const MESSAGES: [string, SyslogTarget, string][] = [
  ['unix', target('unix'), `<30>${STAMP} app[${pid}]: hi\n`],
  ['rfc3164', target('rfc3164'), `<30>${STAMP} box app[${pid}]: hi\n`],
  ['rfc5424', target('rfc5424'), `<30>1 2026-03-04T05:06:07Z box app ${pid} app - hi\n`],
  ['rfc5424micro', target('rfc5424micro'), `<30>1 2026-03-04T05:06:07.123456Z box app ${pid} app - hi\n`],
  ['local7', target('unix', { facility: 23 }), `<190>${STAMP} app[${pid}]: hi\n`],
];
for (const [name, how, expected] of MESSAGES) {
  test(`syslog: ${name}`, () => assert.equal(syslogMessage(how, record('hi\n')).toString(), expected));
}

test('syslog: what is written to stderr is an error; a line without an end has one all the same', () => {
  assert.equal(syslogMessage(target('unix'), record('oh', 'stderr')).toString(), `<27>${STAMP} app[${pid}]: oh\n`);
});

test('syslog over TLS in a newer format has the length first', () => {
  const over = target('rfc5424', { address: { transport: 'tcp+tls', host: 'logs', port: 6514 } });
  const message = syslogMessage(over, record('grüß\n')).toString();
  const [length, ...rest] = message.split(' ');
  assert.equal(Number(length), Buffer.byteLength(rest.join(' ')));
});

test('journald: fields, and the binary form of values with newlines', () => {
  const encode = encoderFor({
    kind: 'journald',
    socket: '/x',
    fields: { CONTAINER_NAME: 'web', NOTE: 'a\nb' },
    blocking: true,
  });
  assert.equal(
    encode(record('hi\n', 'stderr')).toString('latin1'),
    'MESSAGE=hi\nPRIORITY=3\nSYSLOG_TIMESTAMP=2026-03-04T05:06:07.123456789Z\nCONTAINER_NAME=web\nNOTE\n\x03\0\0\0\0\0\0\0a\nb\n',
  );
  assert.match(encode(record('torn')).toString(), /CONTAINER_PARTIAL_MESSAGE=true\n$/);
});
