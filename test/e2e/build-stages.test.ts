import assert from 'node:assert/strict';
import { readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WharfError } from '../../src/core/errors.ts';
import { withLab } from './build-lab.ts';

const lines = (...text: string[]) => `${text.join('\n')}\n`;

test('stages, failures and interrupted builds', { timeout: 300_000 }, async (t) => {
  await withLab(async (lab) => {
    const clean = () => {
      assert.deepEqual(lab.snapshots(), []);
      const temporary = join(lab.directory, 'data/build/tmp');
      assert.deepEqual(existsSync(temporary) ? readdirSync(temporary) : [], []);
      const bundles = join(lab.directory, 'exec/build');
      assert.deepEqual(existsSync(bundles) ? readdirSync(bundles) : [], []);
    };
    const stages = lines(
      'ARG BASE=busybox',
      'FROM $BASE AS one',
      'RUN mkdir /o && echo one >/o/f && chown 5:6 /o/f',
      'FROM busybox AS never',
      'RUN echo must not run; false',
      'FROM busybox AS two',
      'RUN echo two >/t',
      'FROM scratch',
      'COPY --from=one /o /o/',
      'COPY --from=two /t /t',
      'COPY --from=busybox /bin/busybox /bin/sh',
      'RUN ["/bin/sh", "-c", "read a </o/f; read b </t; echo got $a $b"]',
    );

    await t.test('only what the target needs is run; output comes in the order of the file', async () => {
      const { id, text } = await lab.build({ Dockerfile: stages });
      assert.doesNotMatch(text, /must not run/);
      assert.match(text, /\ngot one two\n/);
      const steps = [...text.matchAll(/^Step (\d+)\/12/gm)].map((m) => Number(m[1]));
      assert.deepEqual(steps, [1, 2, 3, 6, 7, 8, 9, 10, 11, 12]);
      assert.equal((await lab.engine.images.inspect(id)).RootFS.Layers.length, 3);
      clean();
    });

    await t.test('stages that are only copied from stay in the cache over a restart', async () => {
      await lab.reopen();
      const { text } = await lab.build({ Dockerfile: stages });
      assert.doesNotMatch(text, /Running in/);
    });

    await t.test('--target', async () => {
      const { text } = await lab.build({ Dockerfile: stages }, { target: 'one' });
      assert.match(text, /Step 3\/3 : RUN mkdir/);
      await assert.rejects(lab.build({ Dockerfile: stages }, { target: 'nope' }), {
        message: 'target stage "nope" could not be found',
      });
    });

    await t.test('prune forgets everything, and a build still works', async () => {
      const { CachesDeleted, SpaceReclaimed } = await lab.builder.prune();
      assert.ok(CachesDeleted !== null && CachesDeleted.length > 0);
      assert.ok(SpaceReclaimed >= 0);
      const { text } = await lab.build({ Dockerfile: stages });
      assert.match(text, /Running in/);
    });

    const failures: readonly (readonly [dockerfile: string, message: string | RegExp, line: number | undefined])[] = [
      ['FROM busybox\n\nRUNN x', 'dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)', 3],
      ['FROM busybox\nRUN exit 7', "The command '/bin/sh -c exit 7' returned a non-zero code: 7", 2],
      ['FROM busybox\nRUN ["false", "x"]', "The command 'false x' returned a non-zero code: 1", 2],
      ['FROM busybox\nRUN ["nope"]', /exec: "nope": executable file not found in \$PATH/, 2],
      ['FROM busybox\nUSER ghost\nRUN id', /unable to find user ghost: no matching entries in passwd file/, 3],
      ['FROM busybox\nCOPY nope* /', 'COPY failed: no source files were specified', 2],
      [
        'FROM busybox\nCOPY Dockerfile Dockerfile /x',
        'When using COPY with more than one source file, the destination must be a directory and end with a /',
        2,
      ],
      [
        'FROM busybox\nCOPY --chown=ghost Dockerfile /',
        "unable to convert uid/gid chown string to host mapping: can't find uid for user ghost: no such user: ghost",
        2,
      ],
      ['FROM busybox\nCOPY --chmod=999 Dockerfile /', /invalid chmod parameter: '999'/, 2],
      ['FROM busybox\nENV a=${b:?wanted}', 'failed to process "${b:?wanted}": b: wanted', 2],
      ['FROM busybox\nEXPOSE 99999', 'invalid containerPort: 99999', 2],
      ['FROM busybox\nSTOPSIGNAL FOO', 'invalid signal: FOO', 2],
      ['FROM scratch\nFROM busybox\nCOPY --from=1 a b', 'invalid from flag value 1: refers to current build stage', 3],
    ];
    for (const [dockerfile, message, line] of failures) {
      await t.test(`fails with its line: ${dockerfile.split('\n').at(-1)}`, async () => {
        await assert.rejects(lab.build({ Dockerfile: dockerfile }), (e) => {
          assert.ok(e instanceof WharfError, String(e));
          if (typeof message === 'string') assert.equal(e.message, message);
          else assert.match(e.message, message);
          assert.equal(e.context.at?.line, line);
          return true;
        });
        clean();
      });
    }

    await t.test('a missing Dockerfile, a context that is none', async () => {
      await assert.rejects(lab.build({ x: '' }), { message: 'Cannot locate specified Dockerfile: Dockerfile' });
      await assert.rejects(lab.build({ Dockerfile: '' }), { message: 'the Dockerfile (Dockerfile) cannot be empty' });
      clean();
    });

    await t.test('an interrupted RUN leaves nothing, and the next build is not disturbed', async () => {
      const abort = new AbortController();
      const files = {
        Dockerfile: 'FROM busybox AS a\nRUN echo up; sleep 1000\nFROM busybox\nRUN sleep 1000\nCOPY --from=a / /\n',
      };
      const building = lab.build(files, {}, abort.signal, (m) => {
        if (m.stream === 'up\n') abort.abort(new Error('the client has gone'));
      });
      await assert.rejects(building, { message: 'the client has gone' });
      clean();
      assert.deepEqual(await lab.engine.parts.runtime.alive(), []);
      await lab.build({ Dockerfile: 'FROM busybox\nRUN echo fine\n' });
    });

    await t.test('a stage that fails ends the others', async () => {
      const files = {
        Dockerfile: 'FROM busybox AS a\nRUN sleep 1000\nFROM busybox AS b\nRUN exit 3\nFROM a\nCOPY --from=b / /\n',
      };
      await assert.rejects(lab.build(files), {
        message: "The command '/bin/sh -c exit 3' returned a non-zero code: 3",
      });
      clean();
      assert.deepEqual(await lab.engine.parts.runtime.alive(), []);
    });

    await t.test('the network of a RUN: the bridge, none', async () => {
      const { text } = await lab.build(
        {
          Dockerfile:
            'FROM busybox\nRUN ip -o -4 addr show eth0; cat /etc/hosts\nRUN --network=none ip -o link | wc -l\n',
        },
        { extraHosts: ['db:10.1.2.3', 'host.docker.internal:host-gateway'] },
      );
      assert.match(text, /inet \d+\.\d+\.\d+\.\d+\/\d+/);
      assert.match(text, /10\.1\.2\.3\tdb\n/);
      const [gateway] = lab.engine.parts.hostGateways();
      assert.ok(text.includes(`${gateway}\thost.docker.internal\n`), text);
      assert.match(text, /\n1\n ---> Removed/);
    });
  });
});
