import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { reachedPaths } from './context-paths.ts';

const CASES: readonly (readonly [steps: string, paths: readonly string[] | undefined])[] = [
  ['RUN true', []],
  ['COPY a b/ /x/', ['a', 'b']],
  ['COPY ./a/../b /c/ /x/', ['b', 'c']],
  ['COPY *.js src/*/x /x/', ['*.js', 'src/*/x']],
  ['COPY . /x', undefined],
  ['COPY / /x', undefined],
  ['ARG d=a\nCOPY $d /x', undefined],
  ['COPY a\\*b /x', undefined],
  ['COPY --parents **/x /x', undefined],
  ['COPY --from=busybox /bin /x', []],
  ['COPY <<EOF /x\ntext\nEOF', []],
  ['ADD https://example.org/x a.tar /x/', ['a.tar']],
  ['ADD https://example.org/x.git#main /x/', []],
  ['RUN --mount=type=bind,source=s,target=/s true', ['s']],
  ['RUN --mount=type=bind,target=/s true', undefined],
  ['RUN --mount=type=bind,from=busybox,target=/s true', []],
  ['RUN --mount=type=cache,target=/s true', []],
  ['ONBUILD COPY a /x', undefined],
  ['COPY a /x\nFROM scratch AS other\nCOPY b /x\nFROM scratch\nCOPY c /x', ['c']],
  ['COPY a /x\nFROM scratch\nCOPY c /x\nCOPY --from=0 /x /y', ['a', 'c']],
  ['FROM triggering\nCOPY a /x', undefined],
  ['COPY --from=7 /x /y', undefined],
];
for (const [steps, paths] of CASES) {
  test(`what ${JSON.stringify(steps)} reaches of the context`, () => {
    const file = parseDockerfile(`FROM busybox\n${steps}\n`, 'Dockerfile');
    const found = reachedPaths(file, { target: '', buildArgs: {}, platform: '' }, (image) => image === 'triggering');
    assert.deepEqual(found, paths);
  });
}
