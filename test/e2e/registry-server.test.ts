import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { descriptor, digestOf, OCI_INDEX, OCI_MANIFEST, withRegistry } from './registry-lab.ts';

// What a registry does beyond the steps of registry-conformance.test.ts, and how it survives.

test('an empty registry answers the ping, knows no repository, and lists no referrers', async () => {
  await withRegistry(async (r) => {
    const ping = await r.ask('GET', '');
    assert.equal(ping.status, 200);
    assert.equal(ping.headers.get('docker-distribution-api-version'), 'registry/2.0');
    assert.equal((await r.ask('GET', 'none/tags/list')).status, 404);
    const referrers = await r.ask('GET', `none/referrers/${digestOf('x')}`);
    assert.equal(referrers.status, 200);
    assert.equal(referrers.headers.get('content-type'), OCI_INDEX);
    assert.deepEqual((JSON.parse(referrers.body.toString()) as { manifests: unknown }).manifests, []);
    assert.equal((await r.ask('GET', 'UPPER/manifests/x')).status, 400);
    assert.equal((await r.ask('GET', `a/blobs/${digestOf('x')}`)).status, 404);
    assert.equal((await r.ask('HEAD', `a/blobs/${digestOf('x')}`)).status, 404);
    assert.equal((await r.ask('GET', 'a/blobs/sha256:bad')).status, 400);
  });
});

test('push of blobs: at once, in one PUT, in chunks, streamed, with both algorithms, of zero bytes', async () => {
  await withRegistry(async (r) => {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      for (const content of ['', '{}', `hello ${algorithm}`]) {
        const digest = digestOf(content, algorithm);
        const started = await r.ask('POST', 'a/b/blobs/uploads/', { headers: { 'content-length': '0' } });
        assert.equal(started.status, 202);
        const place = started.headers.get('location') ?? '';
        const done = await r.ask('PUT', `${place}?digest=${digest}`, { body: content });
        assert.equal(done.status, 201, done.body.toString());
        assert.equal(done.headers.get('location'), `/v2/a/b/blobs/${digest}`);
        const got = await r.ask('GET', `a/b/blobs/${digest}`);
        assert.equal(got.body.toString(), content);
        const head = await r.ask('HEAD', `a/b/blobs/${digest}`);
        assert.equal(head.headers.get('content-length'), String(content.length));
        assert.equal(head.headers.get('docker-content-digest'), digest);
      }
    }
    const whole = await r.ask('POST', `a/b/blobs/uploads/?digest=${digestOf('one')}`, { body: 'one' });
    assert.equal(whole.status, 201);
    const wrong = await r.ask('POST', `a/b/blobs/uploads/?digest=${digestOf('two')}`, { body: 'one' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.body.toString(), /DIGEST_INVALID/);
  });
});

test('chunks must come in order; a client that lost its place asks for it, also after a restart', async () => {
  await withRegistry(async (r) => {
    const chunk = (place: string, range: string, body: string) =>
      r.ask('PATCH', place, { headers: { 'content-range': range }, body });
    const started = await r.ask('POST', 'a/blobs/uploads/');
    let place = started.headers.get('location') ?? '';
    const first = await chunk(place, '0-4', 'hello');
    assert.equal(first.status, 202);
    assert.equal(first.headers.get('range'), '0-4');
    place = first.headers.get('location') ?? '';
    assert.equal((await chunk(place, '7-9', 'abc')).status, 416);
    assert.equal((await chunk(place, '5-9', 'abc')).status, 400);
    await r.stop();
    await r.start();
    const status = await r.ask('GET', place);
    assert.equal(status.status, 204);
    assert.equal(status.headers.get('range'), '0-4');
    assert.equal((await chunk(place, '5-6', ', ')).headers.get('range'), '0-6');
    const digest = digestOf('hello, world');
    const done = await r.ask('PUT', `${place}?digest=${digest}`, {
      headers: { 'content-range': '7-11' },
      body: 'world',
    });
    assert.equal(done.status, 201, done.body.toString());
    assert.equal((await r.ask('GET', place)).status, 404);
    const cancelled = (await r.ask('POST', 'a/blobs/uploads/')).headers.get('location') ?? '';
    assert.equal((await r.ask('DELETE', cancelled)).status, 204);
    assert.equal((await r.ask('GET', cancelled)).status, 404);
    assert.deepEqual(readdirSync(join(r.directory, 'data/uploads')), []);
  });
});

test('what arrived before a connection broke is kept', async () => {
  await withRegistry(async (r) => {
    const place = (await r.ask('POST', 'a/blobs/uploads/')).headers.get('location') ?? '';
    await new Promise<void>((resolve) => {
      const out = request(new URL(place, r.server.url), { method: 'PATCH', headers: { 'content-length': '1000' } });
      out.on('error', () => resolve());
      out.write('x'.repeat(100), () => setImmediate(() => out.destroy()));
      out.on('close', () => resolve());
    });
    const all = 'x'.repeat(100) + 'y'.repeat(900);
    for (;;) {
      const at = Number(/^0-(\d+)$/.exec((await r.ask('GET', place)).headers.get('range') ?? '')?.[1]) + 1;
      const from = at === 1 ? 0 : at;
      const answer = await r.ask('PUT', `${place}?digest=${digestOf(all)}`, {
        headers: { 'content-range': `${from}-999` },
        body: all.slice(from),
      });
      if (answer.status === 409 || answer.status === 416) continue; // the broken request is still being noticed
      assert.equal(answer.status, 201, answer.body.toString());
      return;
    }
  });
});

test('a blob is mounted from a repository that has it; of one nobody has, an upload begins', async () => {
  await withRegistry(async (r) => {
    const digest = await r.blob('from', 'shared');
    assert.equal((await r.ask('GET', `to/blobs/${digest}`)).status, 404);
    const mounted = await r.ask('POST', `to/blobs/uploads/?mount=${digest}&from=from`);
    assert.equal(mounted.status, 201);
    assert.equal((await r.ask('GET', `to/blobs/${digest}`)).body.toString(), 'shared');
    assert.equal((await r.ask('POST', `third/blobs/uploads/?mount=${digest}`)).status, 201);
    assert.equal((await r.ask('POST', `to/blobs/uploads/?mount=${digestOf('none')}&from=from`)).status, 202);
  });
});

test('ranges of a blob, as a resumed download asks for them', async () => {
  await withRegistry(async (r) => {
    const bytes = Buffer.from(Array.from({ length: 2000 }, (_, i) => i % 251));
    const digest = await r.blob('a', bytes);
    const cases: [range: string, status: number, from: number, to: number][] = [
      ['bytes=500-1499', 206, 500, 1499],
      ['bytes=500-', 206, 500, 1999],
      ['bytes=-500', 206, 1500, 1999],
      ['bytes=1900-5000', 206, 1900, 1999],
      ['bytes=0-0', 206, 0, 0],
      ['lines=1-2', 200, 0, 1999],
    ];
    for (const [range, status, from, to] of cases) {
      const answer = await r.ask('GET', `a/blobs/${digest}`, { headers: { range } });
      assert.equal(answer.status, status, range);
      assert.ok(answer.body.equals(bytes.subarray(from, to + 1)), range);
      if (status === 206) assert.equal(answer.headers.get('content-range'), `bytes ${from}-${to}/2000`);
    }
    for (const range of ['bytes=500-0', 'bytes=5000-10000', 'bytes=2000-']) {
      const answer = await r.ask('GET', `a/blobs/${digest}`, { headers: { range } });
      assert.equal(answer.status, 416, range);
      assert.equal(answer.headers.get('content-range'), 'bytes */2000');
    }
  });
});

test('manifests: by tag and digest, bytes and type as pushed; what they name must be there', async () => {
  await withRegistry(async (r) => {
    const { digest, text, answer } = await r.image('a', 'one');
    assert.equal(answer.headers.get('docker-content-digest'), digest);
    for (const reference of ['one', digest]) {
      const got = await r.ask('GET', `a/manifests/${reference}`);
      assert.equal(got.body.toString(), text);
      assert.equal(got.headers.get('content-type'), OCI_MANIFEST);
      const head = await r.ask('HEAD', `a/manifests/${reference}`);
      assert.equal(head.headers.get('content-length'), String(text.length));
    }
    const put = (reference: string, body: string, type = OCI_MANIFEST) =>
      r.ask('PUT', `a/manifests/${reference}`, { headers: { 'content-type': type }, body });
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [descriptor(OCI_MANIFEST, text)],
    });
    assert.equal((await put('all', index, OCI_INDEX)).status, 201);
    const absent = JSON.stringify({ schemaVersion: 2, manifests: [descriptor(OCI_MANIFEST, 'absent')] });
    assert.match((await put('all', absent, OCI_INDEX)).body.toString(), /MANIFEST_BLOB_UNKNOWN/);
    assert.equal((await put('empty', '{"schemaVersion":2,"manifests":[]}', OCI_INDEX)).status, 201);
    const several = await r.ask('PUT', `a/manifests/${digestOf(index)}?tag=x&tag=y`, {
      headers: { 'content-type': OCI_INDEX },
      body: index,
    });
    assert.equal(several.headers.get('oci-tag'), 'x, y');
    const large = text.replace('{', `{"annotations":{"a":"${'x'.repeat(3_900_000)}"},`);
    assert.equal((await put('large', large)).status, 201);
    const bad: [reference: string, body: string, type: string, status: number][] = [
      ['sha256:baddigeststring', text, OCI_MANIFEST, 400],
      [digestOf('other'), text, OCI_MANIFEST, 400],
      ['bad', 'no json', OCI_MANIFEST, 400],
      ['bad', text, OCI_INDEX, 400],
      ['bad', '{"schemaVersion":1}', OCI_MANIFEST, 400],
      ['bad', text, 'text/html', 400],
      ['-bad', text, OCI_MANIFEST, 400],
      ['huge', `{"a":"${'x'.repeat(9 * 1024 * 1024)}"}`, OCI_MANIFEST, 413],
    ];
    for (const [reference, body, type, status] of bad) {
      assert.equal((await put(reference, body, type)).status, status, `${reference} ${type}`);
    }
    assert.equal((await r.ask('GET', 'a/manifests/bad')).status, 404);
    assert.equal((await r.ask('GET', 'a/manifests/sha256:bad')).status, 400);
  });
});

test('tags and repositories are listed in order, page by page', async () => {
  await withRegistry(async (r) => {
    for (const tag of ['b', 'A', 'c', 'a', '10']) await r.image('one', tag);
    await r.image('two/deep', 'x');
    const tags = async (query: string) => {
      const answer = await r.ask('GET', `one/tags/list${query}`);
      const link = answer.headers.get('link');
      return [(JSON.parse(answer.body.toString()) as { tags: string[] }).tags, link] as const;
    };
    assert.deepEqual((await tags(''))[0], ['10', 'A', 'a', 'b', 'c']);
    assert.deepEqual(await tags('?n=0'), [[], null]);
    assert.deepEqual((await tags('?n=2&last=aa'))[0], ['b', 'c']);
    const [page, link] = await tags('?n=2');
    assert.deepEqual(page, ['10', 'A']);
    const next = /^<([^>]+)>; rel="next"$/.exec(link ?? '')?.[1] ?? '';
    const second = await r.ask('GET', next);
    assert.deepEqual((JSON.parse(second.body.toString()) as { tags: string[] }).tags, ['a', 'b']);
    assert.equal((await r.ask('GET', 'one/tags/list?n=x')).status, 400);
    const all = await r.ask('GET', '_catalog');
    assert.deepEqual(JSON.parse(all.body.toString()), { repositories: ['one', 'two/deep'] });
  });
});

test('referrers: what names a subject is found by it, filtered by type, also before the subject is there', async () => {
  await withRegistry(async (r) => {
    const subject = digestOf('not there yet');
    const extra = { subject: { mediaType: OCI_MANIFEST, digest: subject, size: 13 } };
    const signed = await r.image('a', 'sig', { ...extra, artifactType: 'example/sig', annotations: { k: 'v' } });
    assert.equal(signed.answer.headers.get('oci-subject'), subject);
    await r.image('a', 'sbom', extra);
    const list = async (query: string) => {
      const answer = await r.ask('GET', `a/referrers/${subject}${query}`);
      const { manifests } = JSON.parse(answer.body.toString()) as { manifests: Record<string, unknown>[] };
      return { manifests, filtered: answer.headers.get('oci-filters-applied') };
    };
    assert.equal((await list('')).manifests.length, 2);
    const { manifests, filtered } = await list('?artifactType=example/sig');
    assert.equal(filtered, 'artifactType');
    assert.deepEqual(manifests, [
      {
        mediaType: OCI_MANIFEST,
        digest: signed.digest,
        size: signed.text.length,
        artifactType: 'example/sig',
        annotations: { k: 'v' },
      },
    ]);
    assert.equal((await list('?artifactType=application/vnd.oci.image.config.v1%2Bjson')).manifests.length, 1);
    assert.equal((await r.ask('DELETE', `a/manifests/${signed.digest}`)).status, 202);
    assert.equal((await list('')).manifests.length, 1);
  });
});

test('deletion: a tag alone, a manifest with its tags, a blob; gone at once', async () => {
  await withRegistry(async (r) => {
    const { digest, layerDigest } = await r.image('a', 'one');
    await r.image('a', 'two');
    assert.equal((await r.ask('DELETE', 'a/manifests/one')).status, 202);
    assert.equal((await r.ask('GET', 'a/manifests/one')).status, 404);
    assert.equal((await r.ask('GET', `a/manifests/${digest}`)).status, 200);
    assert.equal((await r.ask('DELETE', `a/manifests/${digest}`)).status, 202);
    assert.equal((await r.ask('GET', `a/manifests/${digest}`)).status, 404);
    assert.equal((await r.ask('DELETE', `a/manifests/${digest}`)).status, 404);
    assert.equal((await r.ask('DELETE', `a/blobs/${layerDigest}`)).status, 202);
    assert.equal((await r.ask('GET', `a/blobs/${layerDigest}`)).status, 404);
  });
});

test('garbage collection while pushes go on: what has a manifest stays, the rest goes', async () => {
  await withRegistry(
    async (r) => {
      const kept = await r.image('a', 'kept');
      const gone = await r.image('a', 'gone');
      const lonely = await r.blob('b', 'never named');
      await r.ask('DELETE', `a/manifests/${gone.digest}`);
      await new Promise((resolve) => setTimeout(resolve, 2)); // the grace time is one millisecond
      await Promise.all([r.server.collect(), r.ask('GET', `a/blobs/${kept.layerDigest}`)]);
      assert.equal((await r.ask('GET', `a/blobs/${kept.layerDigest}`)).status, 200);
      assert.equal((await r.ask('GET', `a/blobs/${gone.layerDigest}`)).status, 404);
      assert.equal((await r.ask('GET', `b/blobs/${lonely}`)).status, 404);
      const metrics = (await r.ask('GET', '/metrics')).body.toString();
      // Manifest, config (it is the same) and layer of what stayed.
      assert.match(metrics, /^wharf_registry_blobs 3$/m);
      assert.match(metrics, /^wharf_registry_collected_blobs_total 3$/m);
      assert.match(metrics, /^wharf_registry_requests_total\{code="201",method="PUT",route="manifest"\} 2$/m);
    },
    { graceMs: 1 },
  );
});

test('read-only: everything can be read, nothing written', async () => {
  await withRegistry(
    async (r) => {
      assert.equal((await r.ask('GET', '')).status, 200);
      const pushed = await r.ask('POST', 'a/blobs/uploads/');
      assert.equal(pushed.status, 405);
      assert.match(pushed.body.toString(), /"UNSUPPORTED".*read-only/);
      assert.equal((await r.ask('DELETE', 'a/manifests/x')).status, 405);
    },
    { readOnly: true },
  );
});

test('users of the htpasswd file get in, others do not; the file may change', async () => {
  await withRegistry(async (outer) => {
    const file = join(outer.directory, 'htpasswd');
    const crypted = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'; // U*U
    writeFileSync(file, `# users\nann:${crypted}\nben:{SHA}${createHash('sha1').update('secret').digest('base64')}\n`);
    await withRegistry(
      async (r) => {
        const status = async (user: string, password: string) => {
          const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
          return (await r.ask('GET', '', { headers: { authorization } })).status;
        };
        const refused = await r.ask('GET', '');
        assert.equal(refused.status, 401);
        assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic realm=/);
        assert.equal(await status('ann', 'U*U'), 200);
        assert.equal(await status('ann', 'U*V'), 401);
        assert.equal(await status('ben', 'secret'), 200);
        assert.equal(await status('eve', 'U*U'), 401);
        writeFileSync(file, `ben:${crypted}\n`);
        utimesSync(file, 1, 1);
        assert.equal(await status('ann', 'U*U'), 401);
        assert.equal(await status('ben', 'U*U'), 200);
      },
      { htpasswd: file },
    );
  });
});

test('a pull-through cache fetches once, follows moved tags, and serves what it has when upstream is away', async () => {
  await withRegistry(async (upstream) => {
    const { digest, layerDigest, text } = await upstream.image('lib/app', 'one');
    await withRegistry(
      async (cache) => {
        assert.equal((await cache.ask('GET', 'lib/app/manifests/one')).body.toString(), text);
        const both = await Promise.all([1, 2].map(() => cache.ask('GET', `lib/app/blobs/${layerDigest}`)));
        for (const answer of both) assert.equal(answer.body.toString(), 'layer of lib/app:one');
        const metrics = (await upstream.ask('GET', '/metrics')).body.toString();
        assert.match(metrics, /requests_total\{code="200",method="GET",route="blob"\} 1$/m);
        const moved = await upstream.image('lib/app', 'one', { annotations: { moved: 'yes' } });
        const now = await cache.ask('GET', 'lib/app/manifests/one');
        assert.equal(now.headers.get('docker-content-digest'), moved.digest);
        assert.equal((await cache.ask('GET', 'lib/app/manifests/none')).status, 404);
        assert.equal((await cache.ask('POST', 'lib/app/blobs/uploads/')).status, 405);
        await upstream.stop();
        assert.equal((await cache.ask('GET', 'lib/app/manifests/one')).status, 200);
        assert.equal((await cache.ask('GET', `lib/app/manifests/${digest}`)).status, 200);
        assert.equal((await cache.ask('GET', `lib/app/blobs/${layerDigest}`)).status, 200);
        assert.equal((await cache.ask('GET', 'lib/app/manifests/two')).status, 502);
      },
      { proxy: upstream.server.url },
    );
  });
});

test('a pull-through cache passes a blob on while it comes, and never a wrong one for whole', async () => {
  const bytes = randomBytes(2_000_000);
  const digest = digestOf(bytes);
  const lie = digestOf('something else');
  const go = Promise.withResolvers<void>();
  let asked = 0;
  const upstream = createServer((request, response) => {
    if (request.url === '/v2/') return void response.end('{}');
    asked++;
    response.writeHead(200, { 'content-length': bytes.length });
    if (request.method === 'HEAD') return void response.end();
    response.write(bytes.subarray(0, 1_000_000));
    void go.promise.then(() => response.end(bytes.subarray(1_000_000)));
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  try {
    await withRegistry(
      async (cache) => {
        assert.equal((await cache.ask('HEAD', `a/blobs/${digest}`)).headers.get('content-length'), '2000000');
        const first = await fetch(new URL(`/v2/a/blobs/${digest}`, cache.server.url));
        const reader = first.body?.getReader();
        let got = 0;
        while (got < 999_999) got += (await reader?.read())?.value?.length ?? 0;
        assert.equal(got, 999_999); // upstream has sent no more by now, and the last byte waits
        const second = cache.ask('GET', `a/blobs/${digest}`);
        const wrong = assert.rejects(cache.ask('GET', `a/blobs/${lie}`), /terminated|aborted|closed/);
        go.resolve();
        for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
          got += next.value.length;
        assert.equal(got, bytes.length);
        assert.deepEqual((await second).body, bytes);
        await wrong;
        assert.equal((await cache.ask('GET', `a/blobs/${digest}`)).body.length, bytes.length);
        assert.equal(asked, 3); // one HEAD, one GET, and one of the lie
      },
      { proxy: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` },
    );
  } finally {
    upstream.closeAllConnections();
    upstream.close();
  }
});
