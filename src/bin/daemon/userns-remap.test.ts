import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { usernsRemap } from './userns-remap.ts';

const FILES = {
  passwd: 'root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/:/bin/sh\nben:x:1001:100::/:/bin/sh\n',
  group: 'root:x:0:\nanna:x:1000:\nusers:x:100:\nteam:x:2000:\n',
  subuid: '# a comment\nanna:100000:65536\n1001:300000:10\n',
  subgid: 'anna:200000:65536\nanna:400000:1000\nteam:500000:65536\n',
};

function inEtc(files: Partial<typeof FILES>, body: (etc: string) => void): void {
  const etc = mkdtempSync(join(tmpdir(), 'wharf-etc-'));
  try {
    for (const [name, text] of Object.entries({ ...FILES, ...files })) writeFileSync(join(etc, name), text);
    body(etc);
  } finally {
    rmSync(etc, { recursive: true });
  }
}
const never = (): never => assert.fail('no user is made');

const ANNA = {
  uids: [{ containerId: 0, hostId: 100_000, size: 65_536 }],
  gids: [
    { containerId: 0, hostId: 200_000, size: 65_536 },
    { containerId: 65_536, hostId: 400_000, size: 1000 },
  ],
};
const TEAM = [{ containerId: 0, hostId: 500_000, size: 65_536 }];

for (const [setting, expected] of [
  ['anna', ANNA],
  ['1000', ANNA],
  ['anna:1000', ANNA],
  ['1000:team', { uids: ANNA.uids, gids: TEAM }],
  ['ben:team', { uids: [{ containerId: 0, hostId: 300_000, size: 10 }], gids: TEAM }],
  ['root', undefined],
  ['0:0', undefined],
] as const) {
  test(`userns-remap=${setting}`, () => {
    inEtc({}, (etc) => assert.deepEqual(usernsRemap(setting, etc, never), expected));
  });
}

for (const [setting, message] of [
  ['', /invalid user\/group specification in userns-remap: ""/],
  ['a:b:c', /invalid user\/group specification/],
  ['anna:', /invalid user\/group specification/],
  ['carl', /there is no user "carl" in .*passwd/],
  ['4711', /there is no user 4711 in .*passwd/],
  ['anna:nobodies', /there is no group "nobodies" in .*group/],
  ['ben', /there is no group "ben" in .*group/],
  ['1001', /there is no group 1001 in .*group/],
  ['ben:users', /no subgid ranges found for "users" in .*subgid/],
] as const) {
  test(`userns-remap=${setting} is refused`, () => {
    inEtc({}, (etc) => assert.throws(() => usernsRemap(setting, etc, never), message));
  });
}

test('lists that cannot be read, or are not there', () => {
  inEtc({ subuid: 'anna:many:65536\n' }, (etc) =>
    assert.throws(() => usernsRemap('anna', etc, never), /cannot read the ranges of anna/),
  );
  inEtc({}, (etc) => {
    rmSync(join(etc, 'subuid'));
    assert.throws(() => usernsRemap('anna', etc, never), /no subuid ranges found for "anna"/);
  });
});

test('default makes the user dockremap and gives it IDs that nobody has', () => {
  inEtc({ subuid: 'anna:100000:65536\nben:165536:65536\n', subgid: 'anna:150000:10\n' }, (etc) => {
    const calls: string[] = [];
    const run = (program: string, args: readonly string[]): void => {
      calls.push(`${program} ${args.join(' ')}`);
      if (program === 'useradd') {
        appendFileSync(join(etc, 'passwd'), 'dockremap:x:999:998::/:/bin/false\n');
        appendFileSync(join(etc, 'group'), 'dockremap:x:998:\n');
      } else {
        const [flag = '', range = ''] = args;
        const [first = 0, last = 0] = range.split('-').map(Number);
        appendFileSync(
          join(etc, flag === '--add-subuids' ? 'subuid' : 'subgid'),
          `dockremap:${first}:${last - first + 1}\n`,
        );
      }
    };
    const expected = {
      uids: [{ containerId: 0, hostId: 231_072, size: 65_536 }],
      gids: [{ containerId: 0, hostId: 150_010, size: 65_536 }],
    };
    assert.deepEqual(usernsRemap('default', etc, run), expected);
    assert.equal(calls.length, 3);
    assert.deepEqual(usernsRemap('default', etc, never), expected, 'the next time all is there');
  });
});

test('default says why the user cannot be made', () => {
  const missing = (): never => {
    throw Object.assign(new Error('spawn useradd ENOENT'), { code: 'ENOENT' });
  };
  inEtc({}, (etc) => assert.throws(() => usernsRemap('default', etc, missing), /useradd and usermod are needed/));
});
