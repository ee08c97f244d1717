import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { FrameParser } from '../../src/core/frames.ts';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

function send(daemon: TestDaemon, method: string, path: string, headers: Record<string, string> = {}): ClientRequest {
  return request({ socketPath: daemon.socket, method, path, headers, agent: false });
}

async function answerOf(req: ClientRequest): Promise<IncomingMessage> {
  req.end();
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  return response;
}

/** Attaches as clients do that take the connection over. */
async function attach(daemon: TestDaemon, id: string): Promise<{ stream: Duplex; early: Buffer }> {
  const path = `/v1.44/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
  const req = send(daemon, 'POST', path, { Connection: 'Upgrade', Upgrade: 'tcp' });
  req.end();
  const [, stream, early] = (await once(req, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  return { stream, early };
}

async function unframed(stream: AsyncIterable<Buffer>, early: Buffer): Promise<Record<number, string>> {
  const parser = new FrameParser();
  const said: Record<number, string> = {};
  const take = (chunk: Buffer) => {
    for (const { stream: n, payload } of parser.push(chunk)) said[n] = (said[n] ?? '') + payload.toString();
  };
  take(early);
  for await (const chunk of stream) take(chunk);
  return said;
}

async function create(daemon: TestDaemon, body: object, query = ''): Promise<string> {
  const path = `/containers/create${query}`;
  return ((await api(daemon.socket, 'POST', path, { Image: 'busybox', ...body })) as { Id: string }).Id;
}

/** Status and message of a request that is expected to fail. */
async function refusal(daemon: TestDaemon, method: string, path: string): Promise<[number | undefined, string]> {
  const response = await answerOf(send(daemon, method, path));
  const body = await text(response);
  return [response.statusCode, body === '' ? '' : (JSON.parse(body) as { message: string }).message];
}

test('attach, then wait, then start: nothing is lost of containers that live a moment', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    for (let i = 0; i < 10; i++) {
      const id = await create(daemon, {
        Cmd: ['sh', '-c', `echo out ${i}; echo err >&2`],
        HostConfig: { AutoRemove: true },
      });
      const { stream, early } = await attach(daemon, id);
      const said = unframed(stream, early);
      const waiting = await answerOf(send(daemon, 'POST', `/containers/${id}/wait?condition=removed`));
      assert.equal(waiting.statusCode, 200);
      await api(daemon.socket, 'POST', `/containers/${id}/start`);
      assert.deepEqual(await said, { 1: `out ${i}\n`, 2: 'err\n' });
      assert.deepEqual(JSON.parse(await text(waiting)), { StatusCode: 0 });
    }
    assert.deepEqual(await api(daemon.socket, 'GET', '/containers/json?all=1'), []);
  });
});

test('stdin goes through attach until it is closed', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const id = await create(daemon, { Cmd: ['wc', '-c'], OpenStdin: true, StdinOnce: true });
    const { stream, early } = await attach(daemon, id);
    const said = unframed(stream, early);
    await api(daemon.socket, 'POST', `/containers/${id}/start`);
    stream.end('x'.repeat(300_000));
    assert.deepEqual(await said, { 1: '300000\n' });
  });
});

test('statuses and messages that scripts match on', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const id = await create(daemon, { Cmd: ['sleep', '1000'] }, '?name=web');
    const post = (path: string) => answerOf(send(daemon, 'POST', path)).then((r) => r.resume().statusCode);
    assert.equal(await post('/containers/web/start'), 204);
    assert.equal(await post('/containers/web/start'), 304);
    assert.deepEqual(await refusal(daemon, 'DELETE', '/containers/web'), [
      409,
      'cannot remove container "/web": container is running: stop the container before removing or force remove',
    ]);
    assert.deepEqual(await refusal(daemon, 'GET', '/containers/web/logs'), [
      400,
      'Bad parameters: you must choose at least one stream',
    ]);
    assert.deepEqual(await refusal(daemon, 'POST', '/containers/nope/start'), [404, 'No such container: nope']);
    assert.deepEqual(await refusal(daemon, 'GET', '/images/nope/json'), [404, 'No such image: nope:latest']);
    assert.deepEqual(await refusal(daemon, 'GET', '/networks/nope'), [404, 'network nope not found']);
    assert.deepEqual(await refusal(daemon, 'GET', '/volumes/nope'), [404, 'get nope: no such volume']);
    assert.deepEqual(await refusal(daemon, 'POST', '/containers/create'), [
      400,
      'invalid JSON: got EOF while reading request body',
    ]);
    assert.deepEqual(await refusal(daemon, 'GET', '/containers/json?filters={"colour":["x"]}'), [
      400,
      "invalid filter 'colour'",
    ]);
    assert.equal(await post('/containers/web/stop?t=0'), 204);
    assert.equal(await post('/containers/web/stop'), 304);
    assert.deepEqual(await refusal(daemon, 'POST', '/containers/web/kill'), [
      409,
      `cannot kill container: web: container ${id} is not running`,
    ]);
    assert.equal(await answerOf(send(daemon, 'DELETE', '/containers/web')).then((r) => r.resume().statusCode), 204);
  });
});

test('events of a container with --rm, in order; stats; what a stopped daemon does to followers', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const since = Math.floor(Date.now() / 1000);
    const id = await create(daemon, { Cmd: ['true'], HostConfig: { AutoRemove: true } }, '?name=brief');
    const removed = await answerOf(send(daemon, 'POST', `/containers/${id}/wait?condition=removed`));
    await api(daemon.socket, 'POST', `/containers/${id}/start`);
    await text(removed);
    const filters = encodeURIComponent('{"container":["brief"]}');
    const until = Math.floor(Date.now() / 1000) + 1;
    const events = await text(
      await answerOf(send(daemon, 'GET', `/events?since=${since}&until=${until}&filters=${filters}`)),
    );
    const actions = events
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { Action: string }).Action);
    assert.deepEqual(actions, ['create', 'start', 'die', 'destroy']);

    const lasting = await create(daemon, { Cmd: ['sleep', '1000'], StopTimeout: 0 }, '?name=lasting');
    await api(daemon.socket, 'POST', `/containers/${lasting}/start`);
    const stats = (await api(daemon.socket, 'GET', '/containers/lasting/stats?stream=0')) as {
      memory_stats: { usage: number };
      cpu_stats: { system_cpu_usage: number };
      precpu_stats: { system_cpu_usage: number };
    };
    assert.ok(stats.memory_stats.usage > 0);
    assert.ok(stats.cpu_stats.system_cpu_usage > stats.precpu_stats.system_cpu_usage);

    const follower = await answerOf(send(daemon, 'GET', '/containers/lasting/logs?follow=1&stdout=1'));
    const listener = await answerOf(send(daemon, 'GET', '/events'));
    const both = Promise.all([text(follower), text(listener)]);
    await daemon.stop();
    assert.match((await both)[1], /"Action":"die"/);
    await daemon.start();
  });
});
