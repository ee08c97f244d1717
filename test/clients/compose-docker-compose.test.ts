import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLI_PLUGINS } from '../../scripts/lib/cli-plugins.mjs';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

/** The real docker compose, which set-up fetches. It is a program that can also be run by itself. */
const plugin = join(CLI_PLUGINS, 'docker-compose');

const PROJECT = `
x-env: &env {A: 1, B: two}
services:
  web:
    image: busybox
    stop_signal: KILL
    command: sleep 1000
    environment: {<<: *env, B: "\${B:-b}", C: "$$literal"}
    ports: ["127.0.0.1:18474:80", "9000-9001/udp"]
    volumes: ["./site:/site:ro", "data:/data", /anon]
    depends_on: {db: {condition: service_healthy}}
    mem_limit: 64m
    ulimits: {nofile: 1024}
    logging: {driver: json-file, options: {max-size: 10m}}
  db:
    image: busybox
    stop_signal: KILL
    command: [sleep, "1000"]
    healthcheck: {test: "true", interval: 200ms, timeout: 1s}
    labels: [role=db]
volumes: {data: {labels: {x: y}}}
networks: {default: {driver: bridge}}
`;

test('docker compose and wharf compose manage one and the same project', { timeout: 180_000 }, () =>
  withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const cwd = join(daemon.directory, 'both');
    mkdirSync(join(cwd, 'site'), { recursive: true });
    writeFileSync(join(cwd, 'compose.yaml'), PROJECT);
    const of = (command: string, before: readonly string[]) => async (args: readonly string[]) => {
      const done = await run(command, [...before, ...args], { cwd, env: daemon.env, timeoutMs: 60_000 });
      assert.equal(done.code, 0, `${command} ${args.join(' ')}: ${done.stderr}`);
      return done.stdout;
    };
    const theirs = of(plugin, []);
    const ours = of(wharfPath, ['compose']);

    for (const args of [
      ['config'],
      ['config', '--format', 'json'],
      ['config', '--services'],
      ['config', '--volumes'],
    ]) {
      assert.equal(await ours(args), await theirs(args), args.join(' '));
    }
    await ours(['up', '-d']);
    assert.equal(await theirs(['ps', '-q']), await ours(['ps', '-q']));
    assert.deepEqual((await theirs(['ps', '--services'])).trim().split('\n').sort(), ['db', 'web']);
    await theirs(['down', '-v']);
    assert.equal(await ours(['ps', '-a', '-q']), '');
    await theirs(['up', '-d']);
    assert.deepEqual((await ours(['ps', '--services'])).trim().split('\n').sort(), ['db', 'web']);
    await ours(['down', '-v']);
    assert.equal(await theirs(['ps', '-a', '-q']), '');
  }),
);
