import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

/** A daemon that maps users, and an empty directory for files of a project. */
async function withProject(body: (daemon: TestDaemon, directory: string) => Promise<void>): Promise<void> {
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const directory = join(daemon.directory, 'project');
      mkdirSync(directory);
      await body(daemon, directory);
    },
    { args: ['--userns-remap=default'] },
  );
}

const wharf = (daemon: TestDaemon, directory: string, ...words: string[]) =>
  run(wharfPath, words, { env: daemon.env, cwd: directory });

test('commands of builds run with mapped users, and files keep the users of the image', {
  timeout: 240_000,
}, async () => {
  await withProject(async (daemon, directory) => {
    writeFileSync(join(directory, 'only-mine'), 'mine', { mode: 0o600 });
    writeFileSync(join(daemon.directory, 'secret'), 'hidden', { mode: 0o600 });
    const owned = 'stat -c %u:%g';
    writeFileSync(
      join(directory, 'Dockerfile'),
      `FROM busybox AS first
WORKDIR /w
COPY --chown=7:8 only-mine .
RUN mkdir /d && touch /d/f && chown 5:6 /d/f && rm /bin/wget
FROM busybox
RUN test $(awk '{ print $2 }' /proc/self/uid_map) -gt 0
RUN --mount=type=bind,target=/c test "$(cat /c/only-mine)-$(${owned} /c/only-mine)" = mine-0:0
RUN --mount=type=bind,from=first,source=/d,target=/m test $(${owned} /m/f) = 5:6
RUN --mount=type=bind,from=first,source=/d,target=/m,rw touch /m/new
RUN --mount=type=cache,target=/k touch /k/f && test $(${owned} /k/f) = 0:0
RUN --mount=type=secret,id=s,uid=9,target=/s test "$(cat /s)-$(${owned} /s)" = hidden-9:0
RUN <<END
#!/bin/sh
echo script > /script
END
COPY --from=first /d /d
USER 1000
RUN id -u > /tmp/who
`,
    );
    const source = `--secret=id=s,src=${join(daemon.directory, 'secret')}`;
    const built = await wharf(daemon, directory, 'build', '--progress=plain', source, '-t', 'built', '.');
    assert.equal(built.code, 0, built.stderr);
    for (const userns of [[], ['--userns=host']]) {
      const look = ['run', '--rm', ...userns, 'built', 'stat', '-c', '%u:%g', '/d/f', '/tmp/who', '/script'];
      assert.equal((await wharf(daemon, directory, ...look)).stdout, '5:6\n1000:0\n0:0\n');
    }
    const refused = await wharf(daemon, directory, 'build', '--network=host', '--no-cache', '.');
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /cannot share the host's network namespace when user namespaces are enabled/);
  });
});

test('a project whose services have mapped users, or not', { timeout: 240_000 }, async () => {
  await withProject(async (daemon, directory) => {
    writeFileSync(join(directory, 'readable'), 'from a file', { mode: 0o644 });
    writeFileSync(
      join(directory, 'compose.yaml'),
      `services:
  server:
    image: busybox
    command: sh -c "cp /run/secrets/key /data/key && httpd -f -p 80 -h /data"
    volumes: [data:/data]
    secrets: [key]
    healthcheck:
      test: test -f /data/key
      interval: 200ms
  client:
    image: busybox
    command: sh -c "cat /etc/words && wget -q -O - http://server/key && cat /proc/self/uid_map"
    configs: [{ source: words, target: /etc/words }]
    depends_on:
      server: { condition: service_healthy }
  plain:
    image: busybox
    userns_mode: host
    command: cat /proc/self/uid_map
volumes:
  data:
secrets:
  key: { file: readable }
configs:
  words: { content: "in the file\\n" }
`,
    );
    const compose = (words: string, ...more: string[]) =>
      wharf(daemon, directory, 'compose', ...words.split(' '), ...more);
    const up = await compose('up -d --wait server');
    assert.equal(up.code, 0, up.stderr);
    // busybox cannot resolve names through getaddrinfo, but knows what is in /etc/hosts.
    const resolved = await compose('exec -T server nslookup server 127.0.0.11');
    assert.equal(resolved.code, 0, resolved.stdout + resolved.stderr);
    const plain = await compose('run --rm -T plain');
    assert.match(plain.stdout, /^\s*0\s+0\s+4294967295$/m, plain.stderr);
    const client = await compose('run --rm -T client sh -c', 'cat /etc/words /proc/self/uid_map');
    assert.match(client.stdout, /^in the file\n\s*0\s+[1-9]\d+\s+\d+$/m, client.stderr);
    const key = await compose('exec -T server wget -q -O - http://127.0.0.1/key');
    assert.equal(key.stdout, 'from a file');
    const down = await compose('down -v');
    assert.equal(down.code, 0, down.stderr);
  });
});
