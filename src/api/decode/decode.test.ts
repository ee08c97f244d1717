import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CREATE_CONTAINER } from './container-shapes.ts';
import { parseFilters } from './filters.ts';
import { Query } from './query.ts';
import { parseRegistryAuth, parseRegistryConfig } from './registry-auth.ts';
import { decode } from './shape.ts';
import { parseTime } from './time.ts';

test('a flag in a query: what is false, and that all else is true', () => {
  const rows: [string, boolean][] = [
    ...['', '0', 'no', 'false', 'none', ' False ', 'NONE'].map((v): [string, boolean] => [v, false]),
    ...['1', 'true', 'yes', 'x', '00'].map((v): [string, boolean] => [v, true]),
  ];
  for (const [value, expected] of rows) {
    assert.equal(new Query(new URLSearchParams({ f: value })).flag('f', !expected), expected, JSON.stringify(value));
  }
  assert.equal(new Query(new URLSearchParams()).flag('f', true), true);
});

test('a number in a query', () => {
  const number = (text: string) => new Query(new URLSearchParams({ t: text })).integer('t');
  assert.equal(number('-1'), -1);
  assert.equal(number(''), undefined);
  for (const text of ['1.5', 'abc', '1e3', '99999999999999999999'])
    assert.throws(() => number(text), { code: 'INVALID_PARAMETER' }, text);
});

const filterRows: [text: string, expected: unknown][] = [
  ['', {}],
  ['null', {}],
  ['{"label":["a=b","c"]}', { label: ['a=b', 'c'] }],
  ['{"label":{"a=b":true,"c":false},"status":{"exited":true}}', { label: ['a=b'], status: ['exited'] }],
  ['{"dangling":null}', { dangling: [] }],
  ['{', 'invalid filter'],
  ['[]', 'invalid filter'],
  ['{"label":"a"}', "invalid filter 'label': a list of texts is expected"],
  ['{"label":[1]}', "invalid filter 'label': a list of texts is expected"],
];
for (const [text, expected] of filterRows)
  test(`filters: ${text}`, () => {
    if (typeof expected === 'string') assert.throws(() => parseFilters(text), { message: expected });
    else assert.deepEqual(parseFilters(text), expected);
  });

const NOW = Date.parse('2026-01-01T00:00:00Z');
const timeRows: [text: string, expected: bigint | undefined | 'refused'][] = [
  ['', undefined],
  ['0', undefined],
  ['1700000000', 1_700_000_000_000_000_000n],
  ['1700000000.5', 1_700_000_000_500_000_000n],
  ['1700000000.123456789', 1_700_000_000_123_456_789n],
  ['2024-02-03T04:05:06.789Z', BigInt(Date.parse('2024-02-03T04:05:06Z')) * 1_000_000n + 789_000_000n],
  ['2024-02-03T04:05:06+01:00', BigInt(Date.parse('2024-02-03T03:05:06Z')) * 1_000_000n],
  ['2024-02-03', BigInt(Date.parse('2024-02-03T00:00:00Z')) * 1_000_000n],
  ['10m', BigInt(NOW - 600_000) * 1_000_000n],
  ['1h30m', BigInt(NOW - 5_400_000) * 1_000_000n],
  ['abc', 'refused'],
  ['10 m', 'refused'],
  ['2024-13-01', 'refused'],
];
for (const [text, expected] of timeRows)
  test(`time: ${JSON.stringify(text)}`, () => {
    if (expected === 'refused') assert.throws(() => parseTime('since', text, NOW), { code: 'INVALID_PARAMETER' });
    else assert.equal(parseTime('since', text, NOW), expected);
  });

const containerRows: [what: string, body: unknown, expected: unknown][] = [
  ['field names in any case', { image: 'x', hostconfig: { MEMORY: 6 } }, { Image: 'x', HostConfig: { Memory: 6 } }],
  ['one text where a list is due', { Cmd: 'ls', Entrypoint: ['a', 'b'] }, { Cmd: ['ls'], Entrypoint: ['a', 'b'] }],
  ['null as if absent', { Env: null, HostConfig: { Init: null, Binds: [] } }, { HostConfig: { Binds: [] } }],
  [
    'null kept in maps',
    { NetworkingConfig: { EndpointsConfig: { n: null } } },
    { NetworkingConfig: { EndpointsConfig: { n: null } } },
  ],
  ['unknown fields dropped', { Imagee: 'x', Image: 'y' }, { Image: 'y' }],
  ['keys of maps kept', { Labels: { image: 'a', __proto: 'b' } }, { Labels: { image: 'a', __proto: 'b' } }],
  [
    'a wrong type',
    { HostConfig: { Memory: '6m' } },
    'invalid JSON: HostConfig.Memory must be a whole number, not "6m"',
  ],
  ['a wrong type in a list', { Env: ['A=1', 2] }, 'invalid JSON: Env[1] must be a text, not 2'],
  ['no object', [], 'invalid JSON: the body must be an object, not a list'],
];
for (const [what, body, expected] of containerRows)
  test(`create request: ${what}`, () => {
    if (typeof expected === 'string') assert.throws(() => decode(CREATE_CONTAINER, body), { message: expected });
    else assert.deepEqual(decode(CREATE_CONTAINER, body), expected);
  });

test('registry credentials: both alphabets, padded or not; what cannot be read is nobody', () => {
  const auth = { username: 'ü?>', password: 'p' };
  const text = JSON.stringify(auth);
  assert.deepEqual(parseRegistryAuth(Buffer.from(text).toString('base64url')), auth);
  assert.deepEqual(parseRegistryAuth(Buffer.from(text).toString('base64')), auth);
  for (const header of [
    undefined,
    '',
    '!!',
    Buffer.from('{}').toString('base64'),
    Buffer.from('null').toString('base64'),
  ])
    assert.equal(parseRegistryAuth(header), undefined);
  const config = Buffer.from(JSON.stringify({ 'r.example': auth })).toString('base64url');
  assert.deepEqual(parseRegistryConfig(config), { 'r.example': auth });
  assert.deepEqual(parseRegistryConfig(undefined), {});
});
