import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildRequest } from '../../src/build/index.ts';
import type { BuildEvent } from '../../src/core/wire/build.ts';
import type { BuildLab, Files } from './build-lab.ts';
import { isMapped } from './support/userns.ts';
import { withLab } from './build-lab.ts';

const lines = (...text: string[]) => `${text.join('\n')}\n`;

/** Builds with events; what the commands wrote, and how each step went. */
async function events(lab: BuildLab, files: Files, request: Partial<BuildRequest> = {}) {
  const told: BuildEvent[] = [];
  const all = { ...request, extras: { ...request.extras, events: true } };
  const { id, text } = await lab.build(files, all, undefined, ({ aux }) => {
    if (typeof aux === 'object' && aux !== null && 'Wharf' in aux) told.push(aux.Wharf as BuildEvent);
  });
  const names = new Map(told.flatMap((e) => (e.kind === 'step' ? [[e.id, e.name] as const] : [])));
  return {
    id,
    text,
    output: told.map((e) => (e.kind === 'output' ? e.text : '')).join(''),
    warnings: told.flatMap((e) => (e.kind === 'warning' ? [`${e.rule} ${e.line}:${e.column}`] : [])),
    why: (part: string) =>
      told.flatMap((e) => (e.kind === 'done' && names.get(e.id)?.includes(part) ? [`${e.outcome}: ${e.why}`] : [])),
  };
}

const CHMOD = { 'bin/tool': 'x', 'doc/a': 'x', 'src/lib/deep/b.c': 'b', 'src/lib/a.c': 'a', 'src/main.c': 'm' };

test('the Dockerfile language beyond the classic builder', { timeout: 300_000 }, async (t) => {
  await withLab(async (lab) => {
    for (const [name, steps, command, want] of [
      ['COPY --chmod in words', ['COPY --chmod=u=rwX,go=r bin /b'], 'stat -c %a /b/tool', '644\n'],
      ['COPY --chmod=+x', ['COPY --chmod=+x bin/tool doc/a /b/'], 'stat -c %a /b/tool /b/a', '755\n755\n'],
      [
        'COPY --parents',
        ['COPY --parents src/lib/a.c doc /p/'],
        'cd /p; find . -type f | sort',
        './doc/a\n./src/lib/a.c\n',
      ],
      ['COPY --parents from a pivot', ['COPY --parents src/./lib/a.c /p/'], 'cd /p; find . -type f', './lib/a.c\n'],
      [
        'COPY --parents **',
        ['COPY --parents src/**/*.c /p/'],
        'cd /p; find . -type f | sort',
        './src/lib/a.c\n./src/lib/deep/b.c\n./src/main.c\n',
      ],
      ['COPY --exclude', ['COPY --exclude=lib --exclude=*.h src /s'], 'cd /s; find . -type f', './main.c\n'],
    ] as const) {
      await t.test(name, async () => {
        const Dockerfile = lines('FROM busybox', ...steps, `RUN ${command}`);
        assert.equal((await events(lab, { ...CHMOD, Dockerfile }, { noCache: true })).output, want);
      });
    }

    for (const [step, message] of [
      ['COPY --chmod=u+q a /', /invalid chmod parameter: 'u\+q'/],
      ['ADD --checksum=sha256:00 a b /', /checksum can't be specified for multiple sources/],
      ['ADD --checksum=sha256:00 a /', /checksum requires HTTP\(S\) or Git sources/],
      ['RUN --security=insecure true', /security\.insecure is not allowed/],
      ['RUN --mount=type=secert,id=a true', /unsupported mount type "secert" \(did you mean secret\?\)/],
      ['RUN --mount=type=secret,id=a,from=b true', /secret mount should not have a from/],
      ['RUN --mount=type=secret,id=a,required=true true', /secret a: not found: give it with --secret id=a/],
      ['RUN --mount=type=ssh,required=true true', /unset ssh forward key default: give it with --ssh default/],
    ] as const) {
      await t.test(`refused: ${step}`, async () => {
        await assert.rejects(lab.build({ a: 'a', b: 'b', Dockerfile: lines('FROM busybox', step) }), message);
      });
    }

    await t.test('secrets: a file, a variable; none of it stays, and the value is no part of the key', async () => {
      const Dockerfile = lines(
        'FROM busybox',
        'RUN --mount=type=secret,id=tok --mount=type=secret,id=tok,env=TOK cat /run/secrets/tok; stat -c %a /run/secrets/tok; echo $TOK',
        'RUN ls /run/secrets 2>&1 | tail -1; echo "[$TOK]"',
      );
      const secret = (value: string) => ({ extras: { secrets: { tok: Buffer.from(value) } } });
      const first = await events(lab, { Dockerfile }, secret('one\n'));
      assert.match(first.output, /^one\n400\none\n/);
      assert.match(first.output, /\[\]\n$/);
      assert.equal((await events(lab, { Dockerfile }, secret('two'))).output, '');
    });

    await t.test('directories and secrets that come beside the context; images under other names', async () => {
      const files = {
        '.side/secrets/a%2Fb': 'hidden',
        '.side/contexts/0/x/y': 'named\n',
        Dockerfile: lines(
          'FROM base',
          'COPY --from=other x /x',
          'RUN --mount=type=bind,from=other,target=/m --mount=type=secret,id=a/b cat /m/x/y /x/y /run/secrets/b',
          'COPY . /all',
          'RUN ls -A /all',
        ),
      };
      const namedContexts = { other: 'side:0', base: 'docker-image://busybox' };
      const built = await events(lab, files, { extras: { sideDirectory: '.side', namedContexts } });
      assert.equal(built.output, 'named\nnamed\nhiddenDockerfile\n');
    });

    await t.test('why a step is made anew', async () => {
      const tagged = { tags: ['why'] };
      const Dockerfile = lines('FROM busybox', 'ARG V=1', 'COPY d /d', 'RUN echo $V', 'RUN echo end');
      const first = await events(lab, { 'd/a': '1', 'd/b': '1', Dockerfile }, tagged);
      assert.deepEqual(first.why('COPY'), ['done: not built before']);
      const same = await events(lab, { 'd/a': '1', 'd/b': '1', Dockerfile }, tagged);
      assert.deepEqual(same.why('COPY'), ['cached: neither it nor what it stands on changed']);
      const file = await events(lab, { 'd/a': '1', 'd/b': '2', Dockerfile }, tagged);
      assert.deepEqual(file.why('COPY'), ['done: file d/b changed']);
      assert.deepEqual(file.why('echo end'), ['done: a step before it was made anew']);
      const argument = await events(lab, { 'd/a': '1', 'd/b': '2', Dockerfile }, { ...tagged, buildArgs: { V: '2' } });
      assert.deepEqual(argument.why('echo $V'), ['done: variable V changed (1 -> 2)']);
      const fresh = await events(lab, { 'd/a': '1', 'd/b': '2', Dockerfile }, { ...tagged, noCache: true });
      assert.deepEqual(fresh.why('COPY'), ['done: --no-cache was given']);
    });

    await t.test('--no-cache-filter', async () => {
      const Dockerfile = lines(
        'FROM busybox AS a',
        'RUN echo a > /a',
        'FROM busybox',
        'RUN echo b',
        'COPY --from=a /a /',
      );
      await events(lab, { Dockerfile });
      const again = await events(lab, { Dockerfile }, { extras: { noCacheStages: ['a'] } });
      assert.deepEqual(again.why('RUN echo a'), ['done: --no-cache-filter names its stage']);
      assert.match(again.why('RUN echo b')[0] ?? '', /^cached/);
    });

    await t.test('after a failure what was done is found again', async () => {
      const Dockerfile = lines('FROM busybox', 'RUN echo kept > /kept', 'RUN exit 3');
      await assert.rejects(lab.build({ Dockerfile }), /non-zero code: 3/);
      const fixed = await events(lab, { Dockerfile: Dockerfile.replace('exit 3', 'true') });
      assert.match(fixed.why('kept')[0] ?? '', /^cached/);
    });

    await t.test('the same build twice gives the same image, with SOURCE_DATE_EPOCH', async () => {
      const Dockerfile = lines('FROM busybox', 'COPY f /d/', 'RUN date > /dev/null; echo x > /y', 'ENV A=b');
      const request = { noCache: true, buildArgs: { SOURCE_DATE_EPOCH: '1000000000' } };
      const first = await lab.build({ f: 'x', Dockerfile }, request);
      assert.equal((await lab.build({ f: 'x', Dockerfile }, request)).id, first.id);
      assert.equal((await lab.engine.images.inspect(first.id)).Created, '2001-09-09T01:46:40.000Z');
    });

    await t.test('--cache-from: layers of an image of an earlier build, when the cache itself is empty', async () => {
      const Dockerfile = lines('FROM busybox', 'COPY f /f', 'RUN echo once');
      await lab.build({ f: 'x', Dockerfile }, { tags: ['earlier'] });
      await lab.builder.prune();
      const again = await lab.build({ f: 'x', Dockerfile }, { cacheFrom: ['earlier', 'no-such-image'] });
      assert.match(again.text, /COPY f \/f\n ---> Using cache/);
    });

    await t.test('--cache-from with an inline cache: the same step on the same files, and no other', async () => {
      const Dockerfile = lines('FROM busybox', 'COPY f /f', 'RUN echo once > /ran');
      const style = { style: 'buildkit' } as const;
      const build = (f: string, tag: string, cacheFrom: string[], inline: string | null = null) =>
        lab.build(
          { f, Dockerfile },
          { tags: [tag], cacheFrom, extras: style, buildArgs: { BUILDKIT_INLINE_CACHE: inline } },
        );
      await build('x', 'without', []);
      await build('x', 'with', [], '1');
      const cachedAfter = async (f: string, from: string) => {
        await lab.builder.prune();
        return (await build(f, 'again', [from])).text.split(' ---> Using cache').length - 1;
      };
      assert.equal(await cachedAfter('x', 'with'), 2);
      assert.equal(await cachedAfter('y', 'with'), 0, 'another file, though the history reads the same');
      assert.equal(await cachedAfter('x', 'without'), 0);
    });

    await t.test('checks come with a build, and without one', async () => {
      const Dockerfile = lines('FROM busybox AS Last', 'MAINTAINER me', 'CMD sh');
      const want = ['StageNameCasing 1:17', 'MaintainerDeprecated 2:1', 'JSONArgsRecommended 3:1'];
      assert.deepEqual((await events(lab, { Dockerfile })).warnings, want);
      const checked = await events(lab, { Dockerfile }, { extras: { checkOnly: true } });
      assert.deepEqual([checked.warnings, checked.id], [want, '']);
      const fatal = { Dockerfile: `# check=error=true\n${Dockerfile}` };
      await assert.rejects(lab.build(fatal), /lint violation found for rules: StageNameCasing, MaintainerDeprecated/);
    });

    await t.test('what the cache takes, and giving it back', async () => {
      await lab.builder.prune();
      const Dockerfile = lines(
        'FROM busybox AS a',
        'RUN --mount=type=cache,target=/c echo 12345 > /c/f; echo x > /x; echo y > /y',
        'FROM busybox',
        'COPY --from=a /x /',
      );
      await lab.build({ Dockerfile }, { tags: ['kept'] });
      const usage = await lab.builder.usage();
      assert.deepEqual(usage.map((e) => `${e.Type} ${e.InUse}`).toSorted(), [
        'exec.cachemount false',
        'regular false',
        'regular true',
      ]);
      // Whole blocks of the disk, directories included.
      const unused = usage.filter((e) => !e.InUse).reduce((sum, e) => sum + e.Size, 0);
      assert.ok(usage.every((e) => e.Size >= 4096));
      assert.equal((await lab.builder.prune({ unusedForSeconds: 3600 })).SpaceReclaimed, 0);
      assert.equal((await lab.builder.prune({ all: false })).SpaceReclaimed, unused);
      assert.deepEqual(
        (await lab.builder.usage()).map((e) => e.InUse),
        [true],
      );
      assert.match((await lab.build({ Dockerfile: lines('FROM busybox', 'RUN true') })).text, /Successfully/);
    });

    await t.test('builds of the past are remembered, also over a restart', async () => {
      const before = lab.builder.history()[0];
      assert.deepEqual([before?.status, before?.steps.length], ['completed', 2]);
      await lab.reopen();
      assert.deepEqual(lab.builder.history()[0], before);
    });

    await t.test('RUN in the network of the host', async () => {
      const Dockerfile = lines('FROM busybox', 'RUN --network=host ls /sys/class/net; hostname');
      if (isMapped)
        return await assert.rejects(
          lab.build({ Dockerfile }, { networkMode: 'host' }),
          /cannot share the host's network namespace when user/,
        );
      const { networkInterfaces, hostname } = await import('node:os');
      await assert.rejects(lab.build({ Dockerfile }), /network\.host is not allowed/);
      const { output } = await events(lab, { Dockerfile }, { noCache: true, extras: { allow: ['network.host'] } });
      assert.ok(output.includes('lo\n') && output.endsWith(`${hostname()}\n`), output);
      assert.ok(Object.keys(networkInterfaces()).length > 0);
    });

    await t.test('nothing of the builds is left', () => assert.deepEqual(lab.snapshots(), []));
  });
});
