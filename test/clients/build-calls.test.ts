import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLI_PLUGINS } from '../../scripts/lib/cli-plugins.mjs';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withStockEngine } from '../e2e/support/stock-engine.ts';

const CASES: readonly { readonly name: string; readonly dockerfile: string; readonly args: readonly string[][] }[] = [
  {
    name: 'arguments of before FROM, comments, mounts, stages on stages',
    dockerfile: `# A comment about nothing
ARG NEVERUSED=1
ARG NAME=busy
# BASE is the image
ARG BASE=\${NAME}box
# VERSION is what it says
# in two lines
ARG VERSION=1.0

# base is the base
# of all
FROM \${BASE} AS base
ARG VERSION
ARG DECLARED
RUN echo $VERSION

# Build is written otherwise
FROM base AS Build
# TOKEN of something
ARG TOKEN=a\${VERSION}
ARG OTHER
ARG WITH=3
ENV E=\${OTHER}x
RUN --mount=type=secret,id=tok,required=true --mount=type=ssh --mount=type=cache,id=cc,target=/c \\
  echo $TOKEN
RUN --mount=type=secret,id=tok echo hi

# fin is named above an empty line

FROM --platform=linux/amd64 scratch AS fin
COPY --from=Build / /
FROM scratch
COPY --from=Build /bin /bin
`,
    args: [[], ['--target', 'build', '--build-arg', 'VERSION=9'], ['--target', 'base', '--build-arg', 'DECLARED=x']],
  },
  { name: 'nothing to be given', dockerfile: 'FROM busybox\nRUN true\n', args: [[]] },
  {
    name: 'a target with a description, arguments of the platform and the proxy',
    dockerfile: `FROM busybox AS one
ARG A=1
# describes B
ARG B=$A
ARG C=c
ARG D
WORKDIR /$D
ARG TARGETARCH
ARG HTTP_PROXY
RUN <<EOT
echo $TARGETARCH $C
EOT
# last is made of one
FROM one AS last
ARG Q
ARG A=2
RUN --mount=type=secret,id=s <<EOT
cat /run/secrets/s
EOT
`,
    args: [[], ['--target', 'one'], ['--target', 'last']],
  },
];

/** `docker buildx build` at an engine: its standard output. */
function clientAt(host: string, directory: string) {
  const config = join(directory, 'docker-config');
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [CLI_PLUGINS] }));
  const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: config, BUILDKIT_PROGRESS: 'plain' };
  return async (program: string, args: readonly string[], cwd: string): Promise<string> => {
    const command = program === 'docker' ? ['buildx', 'build', ...args] : ['build', ...args];
    const asked = await run(program, command, { env, cwd, timeoutMs: 60_000 });
    assert.equal(asked.code, 0, `${program} ${args.join(' ')}\n${asked.stderr}`);
    return asked.stdout;
  };
}

test('--call outline and targets say what BuildKit says', { timeout: 300_000 }, async (t) => {
  await withStockEngine('26.1', async (stock) => {
    await withDaemon(async (daemon) => {
      await importBusybox(stock.socket);
      await importBusybox(daemon.socket);
      const theirs = clientAt(stock.host, stock.directory);
      const ours = clientAt(daemon.host, daemon.directory);
      for (const { name, dockerfile, args } of CASES) {
        const context = mkdtempSync(join(tmpdir(), 'wharf-call-'));
        try {
          writeFileSync(join(context, 'Dockerfile'), dockerfile);
          for (const more of args) {
            for (const call of ['outline', 'targets']) {
              await t.test([name, call, ...more].join(' '), async () => {
                const json = ['--call', `${call},format=json`, ...more, '.'];
                const expected: unknown = JSON.parse(await theirs('docker', json, context));
                assert.deepEqual(JSON.parse(await ours('docker', json, context)), expected);
                assert.deepEqual(JSON.parse(await ours(wharfPath, json, context)), expected);
                const plain = ['--call', call, ...more, '.'];
                const shown = lines(await theirs('docker', plain, context));
                assert.deepEqual(lines(await ours('docker', plain, context)), shown);
                assert.deepEqual(lines(await ours(wharfPath, plain, context)), shown);
              });
            }
          }
        } finally {
          rmSync(context, { recursive: true, force: true });
        }
      }
      const refused = await run(wharfPath, ['build', '--call', 'surprise', '.'], { env: process.env });
      assert.match(refused.stderr, /--call surprise is not supported: build, check, outline and targets are/);
    });
  });
});

function lines(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trimEnd());
}
