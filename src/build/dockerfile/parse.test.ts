import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instruction } from './instructions.ts';
import { parseDockerfile, refuseRepeatedNames } from './parse.ts';

function step(line: string): Omit<Instruction, 'line' | 'column' | 'lastLine' | 'source'> {
  const found = parseDockerfile(`FROM a\n${line}\n`, 'Dockerfile').stages[0]?.steps[0];
  assert.ok(found);
  const { line: _line, column: _column, lastLine: _lastLine, source: _source, ...rest } = found;
  return rest;
}

const GOOD: readonly (readonly [line: string, want: object])[] = [
  ['RUN a  b', { kind: 'run', command: { form: 'shell', text: 'a  b' }, heredocs: [], mounts: [], network: 'default' }],
  [
    'run ["a", "b c"]',
    { kind: 'run', command: { form: 'exec', args: ['a', 'b c'] }, heredocs: [], mounts: [], network: 'default' },
  ],
  [
    "RUN ['a']",
    { kind: 'run', command: { form: 'shell', text: "['a']" }, heredocs: [], mounts: [], network: 'default' },
  ],
  [
    'RUN [ -f x ] && y',
    { kind: 'run', command: { form: 'shell', text: '[ -f x ] && y' }, heredocs: [], mounts: [], network: 'default' },
  ],
  [
    'RUN --network=none x',
    { kind: 'run', command: { form: 'shell', text: 'x' }, heredocs: [], mounts: [], network: 'none' },
  ],
  ['CMD []', { kind: 'cmd', command: { form: 'exec', args: [] } }],
  ['ENTRYPOINT ["a"]', { kind: 'entrypoint', command: { form: 'exec', args: ['a'] } }],
  [
    'ENV a=1 b="x y" c=\'z\'',
    {
      kind: 'env',
      pairs: [
        { name: 'a', value: '1' },
        { name: 'b', value: '"x y"' },
        { name: 'c', value: "'z'" },
      ],
    },
  ],
  ['ENV a x  y "z"', { kind: 'env', pairs: [{ name: 'a', value: 'x  y "z"' }] }],
  [
    'ENV a=x\\ y b=',
    {
      kind: 'env',
      pairs: [
        { name: 'a', value: 'x\\ y' },
        { name: 'b', value: '' },
      ],
    },
  ],
  ['LABEL "a b"="c"', { kind: 'label', pairs: [{ name: '"a b"', value: '"c"' }] }],
  [
    'ARG a=1 b',
    {
      kind: 'arg',
      args: [
        { name: 'a', value: '1' },
        { name: 'b', value: undefined },
      ],
    },
  ],
  ['EXPOSE 80 90/udp', { kind: 'expose', ports: ['80', '90/udp'] }],
  ['VOLUME ["/a b"]', { kind: 'volume', paths: ['/a b'] }],
  ['VOLUME /a /b', { kind: 'volume', paths: ['/a', '/b'] }],
  ['SHELL ["/bin/bash", "-c"]', { kind: 'shell', shell: ['/bin/bash', '-c'] }],
  ['WORKDIR /a b', { kind: 'workdir', path: '/a b' }],
  ['MAINTAINER A <a@b>', { kind: 'maintainer', name: 'A <a@b>' }],
  ['ONBUILD RUN x', { kind: 'onbuild', trigger: 'RUN x' }],
  ['STOPSIGNAL SIGTERM', { kind: 'stopsignal', signal: 'SIGTERM' }],
  [
    'HEALTHCHECK --interval=1m30s --retries=3 CMD a b',
    {
      kind: 'healthcheck',
      command: { form: 'shell', text: 'a b' },
      intervalNanos: 90e9,
      timeoutNanos: 0,
      startPeriodNanos: 0,
      startIntervalNanos: 0,
      retries: 3,
    },
  ],
  [
    'HEALTHCHECK NONE',
    {
      kind: 'healthcheck',
      command: 'none',
      intervalNanos: 0,
      timeoutNanos: 0,
      startPeriodNanos: 0,
      startIntervalNanos: 0,
      retries: 0,
    },
  ],
  [
    'COPY --from=b --chown=1:2 --link a c/ /d/',
    {
      kind: 'copy',
      sources: ['a', 'c/'],
      heredocs: [],
      destination: '/d/',
      from: 'b',
      chown: '1:2',
      chmod: undefined,
      checksum: undefined,
      unpack: undefined,
      exclude: [],
      parents: false,
      keepGitDirectory: false,
    },
  ],
  [
    'COPY ["a b", "/c"]',
    {
      kind: 'copy',
      sources: ['a b'],
      heredocs: [],
      destination: '/c',
      from: undefined,
      chown: undefined,
      chmod: undefined,
      checksum: undefined,
      unpack: undefined,
      exclude: [],
      parents: false,
      keepGitDirectory: false,
    },
  ],
];
for (const [line, want] of GOOD) {
  test(`reads: ${line}`, () => assert.deepEqual(step(line), want));
}

const WRONG: readonly (readonly [line: string, message: string])[] = [
  ['RUNN x', 'unknown instruction: RUNN (did you mean RUN?)'],
  ['WRKDIR /x', 'unknown instruction: WRKDIR (did you mean WORKDIR?)'],
  ['QWERTZUI x', 'unknown instruction: QWERTZUI'],
  [`${'Q\x1b'.repeat(30)} x`, `unknown instruction: ${'Q\uFFFD'.repeat(20)}...`],
  ['RUN', 'RUN requires at least one argument'],
  ['RUN [1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
  ['RUN --foo x', 'unknown flag: --foo'],
  ['COPY --form=b a c', 'unknown flag: --form (did you mean from?)'],
  ['COPY --from=b --from=c a c', 'duplicate flag specified: --from'],
  ['COPY --chown a b', 'missing a value on flag: --chown'],
  ['COPY --link=maybe a b', 'expecting boolean value for flag --link, not: maybe'],
  ['COPY a', 'COPY requires at least two arguments, but only one was provided. Destination could not be determined'],
  ['ADD a', 'ADD requires at least two arguments, but only one was provided. Destination could not be determined'],
  ['COPY http://x/y z', "source can't be a URL for COPY"],
  [
    'COPY --from=$x a b',
    'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
  ],
  ['ENV a', 'ENV must have two arguments'],
  ['ENV a=b c', `Syntax error - can't find = in "c". Must be of the form: name=value`],
  ['ENV =b', 'ENV names can not be blank'],
  ['ARG =b', 'ARG names can not be blank'],
  ['SHELL bash -c', 'SHELL requires the arguments to be in JSON form'],
  ['VOLUME [""]', 'VOLUME specified can not be an empty string'],
  ['HEALTHCHECK FOO x', 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
  ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
  ['HEALTHCHECK NONE x', 'HEALTHCHECK NONE takes no arguments'],
  ['HEALTHCHECK --interval=1us CMD x', 'Interval "interval" cannot be less than 1ms'],
  ['HEALTHCHECK --retries=-1 CMD x', '--retries cannot be negative (-1)'],
  ['ONBUILD ONBUILD RUN x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
  ['WORKDIR', 'WORKDIR requires exactly one argument'],
  ['FROM a b', 'FROM requires either one or three arguments'],
  ['FROM a AS 1x', `invalid name for build stage: "1x", name can't start with a number or contain symbols`],
  ['RUN --mount=type=foo,target=/x y', 'unsupported mount type "foo"'],
  ['RUN --mount=target=/ y', 'invalid mount target "/"'],
  ['RUN --mount=typ=bind,target=/x y', `unexpected key 'typ' in 'typ=bind' (did you mean type?)`],
  ['RUN --mount=type=bind,foo,target=/x y', "invalid field 'foo' must be a key=value pair"],
  ['RUN --mount=type=cahce,target=/x y', 'unsupported mount type "cahce" (did you mean cache?)'],
  ['RUN --mount=type=tmpfs,target=/x,uid=1 y', 'uid not allowed for "tmpfs" type mounts'],
  ['RUN --mount=target=/x,mode=0755 y', 'mode not allowed for "bind" type mounts'],
  ['RUN --mount=target=/x,required y', "unexpected key 'required' for mount type 'bind'"],
  ['RUN --mount=target=/x,size=1 y', "unexpected key 'size' for mount type 'bind'"],
  ['RUN --mount=type=tmpfs,target=/x,size=1q y', 'invalid value for size: 1q'],
  ['RUN --mount=target=/x,sharing=locked y', 'invalid cache sharing set for bind mount'],
  ['RUN --mount=type=cache,target=/x,sharing=locke y', 'unsupported sharing value "locke" (did you mean locked?)'],
  ['RUN --mount=type=cache,target=/x,mode=9 y', 'invalid value 9 for mode'],
  ['RUN --mount=type=cache,target=/x,uid=me y', 'invalid value me for uid'],
  ['RUN --mount=type=secret,id=a,src=b y', "both source and id can't be set"],
  ['RUN --mount=type=secret y', 'invalid secret mount. one of source, target required'],
  ['RUN --mount=type=cache,target=/x,env=Y y', "unexpected key 'env' for mount type 'cache'"],
  ['RUN --device=vendor.com/gpu=0 x', '--device=vendor.com/gpu=0 is not supported: RUN has no devices of the host'],
  ['RUN --security=insecure x', 'security.insecure is not allowed: RUN always runs in a sandbox'],
  ['RUN --security=none x', 'security "none" is not valid'],
  ['RUN --network=foo x', 'invalid network mode "foo"'],
];
for (const [line, message] of WRONG) {
  test(`refuses with its line: ${line}`, () => {
    assert.throws(
      () => parseDockerfile(`FROM a\n\n  ${line}`, 'Dockerfile'),
      (e: Error & { context?: unknown }) => {
        assert.equal(e.message, `dockerfile parse error on line 3: ${message}`);
        assert.deepEqual(e.context, { at: { file: 'Dockerfile', line: 3, column: 3, lastLine: 3 } });
        return true;
      },
    );
  });
}

test('instructions before the first FROM: only ARG', () => {
  assert.throws(() => parseDockerfile('RUN x\nFROM a', 'Dockerfile'), {
    message: 'dockerfile parse error on line 1: no build stage in current context',
  });
  const file = parseDockerfile('ARG V=1\nFROM a:$V AS One\nRUN x\nFROM one', 'Dockerfile');
  assert.deepEqual(
    [file.globalArgs.length, file.stages.map((s) => [s.name, s.from.image, s.steps.length])],
    [
      1,
      [
        ['one', 'a:$V', 1],
        [undefined, 'one', 0],
      ],
    ],
  );
});

test('two stages of one name are refused where they are not known', () => {
  const file = parseDockerfile('FROM a AS x\nFROM b AS X', 'Dockerfile');
  assert.throws(() => refuseRepeatedNames(file), /^WharfError: dockerfile parse error on line 2: duplicate name x/);
  refuseRepeatedNames(parseDockerfile('FROM a AS x\nFROM b AS y', 'Dockerfile'));
});

test('a trigger keeps the bodies of its here-documents', () => {
  const text = 'FROM a\nONBUILD COPY <<A <<-B /d/\none\nA\n\ttwo\n\tB\n';
  assert.deepEqual(step(text.slice('FROM a\n'.length)), {
    kind: 'onbuild',
    trigger: 'COPY <<A <<-B /d/\none\nA\n\ttwo\nB',
  });
});
