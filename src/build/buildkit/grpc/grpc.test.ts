import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { silentLogger } from '../../../core/log.ts';
import { BytesMessage, Empty, GetSecretRequest } from '../wire/messages.ts';
import { GrpcClient } from './client.ts';
import { frame, unframe } from './frames.ts';
import { type Methods, serveGrpc, streaming, unary } from './server.ts';
import { CODE, errorOfTrailers, RpcError, trailersOf } from './status.ts';

/** A client and a server at the two ends of one connection. */
async function joined(t: TestContext, methods: Methods) {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  assert.ok(typeof address === 'object' && address !== null);
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const near = connect(address.port, '127.0.0.1');
  const [far] = await accepted;
  const stop = new AbortController();
  const served = serveGrpc(far, methods, silentLogger, stop.signal);
  const client = new GrpcClient(near);
  t.after(async () => {
    client.destroy();
    stop.abort();
    await served;
    listener.close();
  });
  return { client, stop, served };
}
const never = new AbortController().signal;

test('calls of one answer, of many, and messages larger than any window', async (t) => {
  const { client } = await joined(t, {
    '/t.T/Echo': unary(BytesMessage, BytesMessage, ({ data }) => ({ data })),
    '/t.T/Count': streaming(Empty, BytesMessage, async function* () {
      for (let i = 0; i < 1000; i++) yield { data: Buffer.alloc(10_000, i % 256) };
    }),
  });
  const data = Buffer.alloc(10 * 1024 * 1024, 'x');
  const echoed = await client.unary('/t.T/Echo', [BytesMessage, BytesMessage], { data }, never);
  assert.ok(echoed.data.equals(data));
  using call = client.call('/t.T/Count', {}, never);
  await call.send(Empty.encode({}));
  call.end();
  let bytes = 0;
  for await (const message of call.messages) bytes += BytesMessage.decode(message).data.length;
  assert.equal(bytes, 10_000_000);
});

test('failures: with their words, unknown methods, too large messages', async (t) => {
  const { client } = await joined(t, {
    '/t.T/Fail': unary(Empty, Empty, () => {
      throw new RpcError(CODE.notFound, 'no such thing: 100 % «x»\nat all');
    }),
    '/t.T/Bug': unary(Empty, Empty, () => {
      throw new Error('a bug');
    }),
    '/t.T/Echo': unary(BytesMessage, BytesMessage, ({ data }) => ({ data })),
  });
  const call = (path: string) => client.unary(path, [Empty, Empty], {}, never);
  await assert.rejects(call('/t.T/Fail'), { code: CODE.notFound, message: 'no such thing: 100 % «x»\nat all' });
  await assert.rejects(call('/t.T/Bug'), { code: CODE.unknown, message: 'a bug' });
  await assert.rejects(call('/t.T/Nope'), { code: CODE.unimplemented, message: 'unknown method /t.T/Nope' });
  const data = Buffer.alloc(17 * 1024 * 1024);
  const tooMuch = client.unary('/t.T/Echo', [BytesMessage, BytesMessage], { data }, never);
  await assert.rejects(tooMuch);
  assert.equal((await client.unary('/t.T/Echo', [BytesMessage, BytesMessage], {}, never)).data.length, 0);
});

test('a client that cancels aborts the work; the end of the connection ends its calls', async (t) => {
  const begun = Promise.withResolvers<AbortSignal>();
  const { client, stop, served } = await joined(t, {
    '/t.T/Wait': unary(GetSecretRequest, Empty, async (_, { signal }) => {
      begun.resolve(signal);
      await once(signal, 'abort');
      return {};
    }),
  });
  const cancel = new AbortController();
  const types = [GetSecretRequest, Empty] as const;
  const waiting = client.unary('/t.T/Wait', types, { id: 'x' }, cancel.signal);
  const signal = await begun.promise;
  cancel.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });
  if (!signal.aborted) await once(signal, 'abort');
  const cut = client.unary('/t.T/Wait', types, { id: 'y' }, never);
  stop.abort();
  await assert.rejects(cut);
  await served;
  await client.closed();
  await assert.rejects(async () => client.unary('/t.T/Wait', types, {}, never), { code: CODE.unavailable });
});

test('a client that goes without a word ends its connection, half-open as it may be', async () => {
  const listener = createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  assert.ok(typeof address === 'object' && address !== null);
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const near = connect(address.port, '127.0.0.1');
  const [far] = await accepted;
  const served = serveGrpc(far, {}, silentLogger, never);
  near.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  near.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  await once(near, 'data');
  near.end();
  await served;
  listener.close();
});

test('frames come in any pieces', async () => {
  const messages = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(70_000, 'b'), Buffer.from('c')];
  const all = Buffer.concat(messages.map(frame));
  for (const size of [1, 3, 5, 16_384, all.length]) {
    const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
      all.subarray(i * size, (i + 1) * size),
    );
    const got: Buffer[] = [];
    for await (const message of unframe(from(pieces))) got.push(Buffer.from(message));
    assert.deepEqual(got, messages);
  }
  const cut = async () => {
    for await (const _ of unframe(from([all.subarray(0, -1)])));
  };
  await assert.rejects(cut, { code: CODE.internal });
});

async function* from(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}

test('trailers', () => {
  assert.deepEqual(trailersOf(undefined), { 'grpc-status': '0' });
  assert.equal(errorOfTrailers({ 'grpc-status': '0' }), undefined);
  const failed = trailersOf(new RpcError(5, 'ä %', [{ typeUrl: 'u', value: Buffer.from('{}') }]));
  assert.equal(failed['grpc-message'], '%c3%a4 %25');
  assert.equal(failed['grpc-status-details-bin'], 'CAUSBMOkICUaBwoBdRICe30');
  assert.equal(errorOfTrailers(failed)?.message, 'ä %');
  assert.equal(errorOfTrailers({})?.code, CODE.unknown);
});
