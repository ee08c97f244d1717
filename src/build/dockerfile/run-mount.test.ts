import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunMount } from './run-mount.ts';

const values: Readonly<Record<string, string>> = { T: '/t', TYPE: 'tmpfs', SIZE: '1m', S: 'locked' };
const expand = (word: string) => word.replace(/\$(\w+)/g, (_, name: string) => values[name] ?? '');

const CASES: readonly (readonly [text: string, want: object])[] = [
  ['target=/x', { type: 'bind', target: '/x', source: '/', from: undefined, readOnly: true }],
  ['target=/x,rw', { type: 'bind', target: '/x', source: '/', from: undefined, readOnly: false }],
  ['dst=rel,ro=false,src=a', { type: 'bind', target: 'rel', source: 'a', from: undefined, readOnly: false }],
  ['type=bind', { type: 'bind', target: '', source: '/', from: undefined, readOnly: true }],
  ['"target=/a,b"', { type: 'bind', target: '/a,b', source: '/', from: undefined, readOnly: true }],
  ['type=tmpfs,target=/x,size=64m', { type: 'tmpfs', target: '/x', sizeBytes: 64 * 1024 * 1024 }],
  ['type=tmpfs,target=/x,size=1.5GiB', { type: 'tmpfs', target: '/x', sizeBytes: 1.5 * 1024 ** 3 }],
  ['type=tmpfs,target=/x,size=4096', { type: 'tmpfs', target: '/x', sizeBytes: 4096 }],
  ['type=tmpfs,target=/x,size=2KB', { type: 'tmpfs', target: '/x', sizeBytes: 2048 }],
  [
    'type=cache,target=/c/,sharing=LOCKED,mode=0700,uid=5',
    {
      type: 'cache',
      target: '/c/',
      id: '/c',
      readOnly: false,
      sharing: 'locked',
      mode: 0o700,
      uid: 5,
      gid: 0,
      from: undefined,
      source: '/',
    },
  ],
  [
    'type=secret,id=a,env=A',
    { type: 'secret', id: 'a', target: undefined, env: 'A', required: false, mode: 0o400, uid: 0, gid: 0 },
  ],
  [
    'type=secret,target=/x/key,required',
    { type: 'secret', id: 'key', target: '/x/key', env: undefined, required: true, mode: 0o400, uid: 0, gid: 0 },
  ],
  [
    'type=ssh,mode=0666,uid=1000',
    { type: 'ssh', id: 'default', target: undefined, required: false, mode: 0o666, uid: 1000, gid: 0 },
  ],
];
for (const [text, want] of CASES) {
  test(`reads: ${text}`, () => assert.deepEqual(parseRunMount(text), { ...want, text }));
}

test('variables are put in when their values are known', () => {
  const text = 'type=$TYPE,target=$T,size=$SIZE';
  assert.deepEqual(parseRunMount(text, expand), { type: 'tmpfs', text, target: '/t', sizeBytes: 1024 * 1024 });
  assert.equal(parseRunMount(text).type, 'bind');
  assert.deepEqual(
    [parseRunMount('type=cache,target=$T,sharing=$S'), parseRunMount('type=cache,target=$T,sharing=$S', expand)].map(
      (m) => m.type === 'cache' && [m.target, m.sharing],
    ),
    [
      ['$T', 'shared'],
      ['/t', 'locked'],
    ],
  );
  assert.throws(() => parseRunMount('type=$S,target=/x', expand), /unsupported mount type "locked"/);
});
