import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ImageRunConfig } from '../core/oci.ts';
import { configChanges } from './changes.ts';

const applyChanges = (config: ImageRunConfig, texts: readonly string[]) => configChanges(texts)(config);

suite('instructions of --change', () => {
  const cases: readonly (readonly [line: string, wanted: ImageRunConfig])[] = [
    ['CMD ["a", "b c"]', { Cmd: ['a', 'b c'] }],
    ["CMD ['a']", { Cmd: ['/bin/sh', '-c', "['a']"] }],
    ['cmd echo $X', { Cmd: ['/bin/sh', '-c', 'echo $X'] }],
    ['ENTRYPOINT ["x"]', { Entrypoint: ['x'], Cmd: null }],
    ['CMD ["a"]\nENTRYPOINT ["x"]', { Entrypoint: ['x'], Cmd: ['a'] }],
    ['ENV A=/a\nENV B=$A/b', { Env: ['A=/a', 'B=/a/b'] }],
    ['EXPOSE 8000-8001', { ExposedPorts: { '8000/tcp': {}, '8001/tcp': {} } }],
    ['ENV A=1 B="two words" C=x\\ y', { Env: ['A=1', 'B=two words', 'C=x y'] }],
    ['ENV A all of it', { Env: ['A=all of it'] }],
    ['LABEL a.b="c d" e=f', { Labels: { 'a.b': 'c d', e: 'f' } }],
    ['EXPOSE 80 53/udp', { ExposedPorts: { '80/tcp': {}, '53/udp': {} } }],
    ['VOLUME ["/a", "/b"]', { Volumes: { '/a': {}, '/b': {} } }],
    ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['WORKDIR /x', { WorkingDir: '/x' }],
    ['USER me:us', { User: 'me:us' }],
    ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
    ['ONBUILD RUN x', { OnBuild: ['RUN x'] }],
    ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --retries=2 CMD ["x"]',
      { Healthcheck: { Test: ['CMD', 'x'], Interval: 90e9, Retries: 2 } },
    ],
  ];
  for (const [line, wanted] of cases) test(line, () => assert.deepEqual(applyChanges({}, [line]), wanted));

  test('an environment variable takes the place of its namesake; the config given stays', () => {
    const config = { Env: ['A=1', 'B=2'] };
    assert.deepEqual(applyChanges(config, ['ENV A=3\nENV C=4']).Env, ['A=3', 'B=2', 'C=4']);
    assert.deepEqual(config.Env, ['A=1', 'B=2']);
  });
  for (const [line, message] of [
    ['RUN x', /^RUN is not a valid change command/],
    ['EXPSE 80', /did you mean "EXPOSE"/],
    ['CMD', /^CMD requires at least one argument$/],
    ['ENV A', /^ENV must have two arguments$/],
    ['LABEL a=b c', /can't find = in "c"/],
    ['EXPOSE http', /invalid containerPort: http/],
    ['STOPSIGNAL 99', /invalid signal: 99/],
    ['HEALTHCHECK --intervall=1s CMD x', /unknown flag/i],
  ] as const) {
    test(`refused: ${line}`, () => assert.throws(() => applyChanges({}, [line]), { status: 400, message }));
  }
});
