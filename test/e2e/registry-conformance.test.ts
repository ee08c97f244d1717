import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { descriptor, digestOf, OCI_INDEX, OCI_MANIFEST, type RegistryLab, withRegistry } from './registry-lab.ts';

// The steps of the OCI distribution-spec's conformance suite (pull, push, content discovery, content management), in our words.

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2, data: 'e30=' };
const CONFIG = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
const LAYER = 'a layer that is none';

type Algorithm = 'sha256' | 'sha512';
const ALGORITHMS: readonly Algorithm[] = ['sha256', 'sha512'];

const jsonOf = (answer: { body: Buffer }) => JSON.parse(answer.body.toString()) as Record<string, unknown>;
const codeOf = (answer: { body: Buffer }) => (jsonOf(answer)['errors'] as { code: string }[])[0]?.code;

suite('an empty registry', () => {
  test('answers the ping; lists no tags and no referrers', async () => {
    await withRegistry(async (r) => {
      const ping = await r.ask('GET', '');
      assert.equal(ping.status, 200);
      assert.equal(ping.headers.get('docker-distribution-api-version'), 'registry/2.0');
      assert.equal((await r.ask('GET', 'one/empty/tags/list')).status, 404);
      const referrers = await r.ask('GET', `one/empty/referrers/${digestOf('x')}`);
      assert.equal(referrers.status, 200);
      assert.equal(referrers.headers.get('content-type'), OCI_INDEX);
      assert.deepEqual(jsonOf(referrers)['manifests'], []);
    });
  });
});

suite('push: blobs', () => {
  for (const algorithm of ALGORITHMS) {
    test(`every way to send one, ${algorithm}`, async () => {
      await withRegistry(async (r) => {
        const repository = 'one/blobs';
        const arrived = async (digest: string, bytes: Buffer) => {
          const head = await r.ask('HEAD', `${repository}/blobs/${digest}`);
          assert.equal(head.status, 200);
          assert.equal(head.headers.get('content-length'), String(bytes.length));
          assert.equal(head.headers.get('docker-content-digest'), digest);
          assert.deepEqual((await r.ask('GET', `${repository}/blobs/${digest}`)).body, bytes);
        };
        const fresh = (length: number): [Buffer, string] => {
          const bytes = randomBytes(length);
          return [bytes, digestOf(bytes, algorithm)];
        };
        const begin = async () => {
          const answer = await r.ask('POST', `${repository}/blobs/uploads/`, { headers: { 'content-length': '0' } });
          assert.equal(answer.status, 202);
          return answer.headers.get('location') ?? '';
        };
        const at = (place: string, digest: string) => `${place}${place.includes('?') ? '&' : '?'}digest=${digest}`;
        const finished = async (answer: Awaited<ReturnType<RegistryLab['ask']>>, digest: string, bytes: Buffer) => {
          assert.equal(answer.status, 201, answer.body.toString());
          const place = answer.headers.get('location') ?? '';
          assert.equal((await r.ask('GET', place)).status, 200);
          await arrived(digest, bytes);
        };
        const octets = { 'content-type': 'application/octet-stream' };
        {
          const [bytes, digest] = fresh(3000);
          assert.equal((await r.ask('GET', `${repository}/blobs/${digest}`)).status, 404);
          assert.equal((await r.ask('HEAD', `${repository}/blobs/${digest}`)).status, 404);
          const answer = await r.ask('POST', `${repository}/blobs/uploads/?digest=${digest}`, {
            headers: octets,
            body: bytes,
          });
          await finished(answer, digest, bytes);
        }
        for (const bytes of [randomBytes(5000), Buffer.alloc(0), Buffer.from('{}')]) {
          const digest = digestOf(bytes, algorithm);
          await finished(
            await r.ask('PUT', at(await begin(), digest), { headers: octets, body: bytes }),
            digest,
            bytes,
          );
        }
        for (const inLast of [false, true]) {
          const [bytes, digest] = fresh(3500);
          let place = await begin();
          const ends = inLast ? [1000, 2000] : [1000, 2000, 3500];
          let start = 0;
          for (const end of ends) {
            const headers = { ...octets, 'content-range': `${start}-${end - 1}` };
            const answer = await r.ask('PATCH', place, { headers, body: bytes.subarray(start, end) });
            assert.equal(answer.status, 202);
            assert.equal(answer.headers.get('range'), `0-${end - 1}`);
            place = answer.headers.get('location') ?? '';
            start = end;
          }
          const rest = inLast
            ? { headers: { ...octets, 'content-range': `${start}-3499` }, body: bytes.subarray(start) }
            : {};
          await finished(await r.ask('PUT', at(place, digest), rest), digest, bytes);
        }
        {
          const [bytes, digest] = fresh(2000);
          let place = await begin();
          const early = { headers: { ...octets, 'content-range': '500-1999' }, body: bytes.subarray(500) };
          assert.equal((await r.ask('PATCH', place, early)).status, 416);
          const first = { headers: { ...octets, 'content-range': '0-499' }, body: bytes.subarray(0, 500) };
          assert.equal((await r.ask('PATCH', place, first)).status, 202);
          const state = await r.ask('GET', place);
          assert.equal(state.status, 204);
          assert.equal(state.headers.get('range'), '0-499');
          place = state.headers.get('location') ?? '';
          const second = await r.ask('PATCH', place, early);
          assert.equal(second.status, 202);
          await finished(await r.ask('PUT', at(second.headers.get('location') ?? '', digest)), digest, bytes);
        }
        {
          const [bytes, digest] = fresh(70_000);
          const streamed = await r.ask('PATCH', await begin(), { headers: octets, body: bytes });
          assert.equal(streamed.status, 202);
          await finished(await r.ask('PUT', at(streamed.headers.get('location') ?? '', digest)), digest, bytes);
        }
        for (const [from, status] of [
          [`&from=${repository}`, 201],
          ['', 201],
          ['&from=nobody/has/it', 202],
        ] as const) {
          const [bytes, digest] = fresh(100);
          if (status === 201) await r.ask('POST', `${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
          const mounted = await r.ask('POST', `two/mounted/blobs/uploads/?mount=${digest}${from}`);
          assert.equal(mounted.status, status, from);
          assert.equal((await r.ask('GET', `two/mounted/blobs/${digest}`)).status, status === 201 ? 200 : 404);
        }
        {
          const place = await begin();
          assert.equal((await r.ask('DELETE', place)).status, 204);
          assert.equal((await r.ask('GET', place)).status, 404);
        }
        for (const wrong of [digestOf('something else', algorithm), `${algorithm}:baddigeststring`]) {
          const refused = await r.ask('PUT', at(await begin(), wrong), { headers: octets, body: 'bytes' });
          assert.equal(refused.status, 400);
          assert.equal(codeOf(refused), 'DIGEST_INVALID');
        }
      });
    });
  }
});

test('pull: ranges of a blob', async () => {
  await withRegistry(async (r) => {
    const bytes = randomBytes(3000);
    const digest = await r.blob('one/ranges', bytes);
    for (const [range, start, end] of [
      ['500-1499', 500, 1500],
      ['500-', 500, 3000],
      ['-500', 2500, 3000],
      ['2000-5000', 2000, 3000],
    ] as const) {
      const answer = await r.ask('GET', `one/ranges/blobs/${digest}`, { headers: { range: `bytes=${range}` } });
      assert.equal(answer.status, 206, range);
      assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end - 1}/3000`);
      assert.deepEqual(answer.body, bytes.subarray(start, end));
    }
    for (const range of ['500-0', '5000-10000']) {
      const answer = await r.ask('GET', `one/ranges/blobs/${digest}`, { headers: { range: `bytes=${range}` } });
      assert.equal(answer.status, 416, range);
    }
  });
});

interface DataSet {
  readonly blobs: readonly string[];
  /** Bottom first: what a later one names has to be there. */
  readonly manifests: readonly { readonly mediaType: string; readonly document: Record<string, unknown> }[];
}

const image = (extra: Record<string, unknown> = {}) => ({
  mediaType: OCI_MANIFEST,
  document: {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(CONFIG_TYPE, CONFIG),
    layers: [descriptor(LAYER_TYPE, LAYER)],
    ...extra,
  } as Record<string, unknown>,
});
const listed = ({ mediaType, document }: { mediaType: string; document: object }, extra: object = {}) => ({
  ...descriptor(mediaType, JSON.stringify(document)),
  ...extra,
});
const index = (manifests: readonly object[], extra: Record<string, unknown> = {}) => ({
  mediaType: OCI_INDEX,
  document: { schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...extra } as Record<string, unknown>,
});
const artifact = (extra: Record<string, unknown> = {}) =>
  image({ artifactType: 'application/vnd.example+type', config: EMPTY, layers: [EMPTY], ...extra });

const plain = image();
const DATA_SETS: Readonly<Record<string, DataSet>> = {
  'an image': { blobs: [CONFIG, LAYER], manifests: [plain] },
  'an image with plain layers': {
    blobs: [CONFIG, LAYER],
    manifests: [image({ layers: [descriptor('application/vnd.oci.image.layer.v1.tar', LAYER)] })],
  },
  'a manifest of 3.9 MB': {
    blobs: [CONFIG, LAYER],
    manifests: [image({ annotations: { 'org.example.long': 'x'.repeat(3_900_000) } })],
  },
  'an index': {
    blobs: [CONFIG, LAYER],
    manifests: [plain, index([listed(plain, { platform: { os: 'linux', architecture: 'amd64' } })])],
  },
  'an index in an index': {
    blobs: [CONFIG, LAYER],
    manifests: [
      plain,
      index([listed(plain)]),
      index([listed(index([listed(plain)]))], { annotations: { outer: 'yes' } }),
    ],
  },
  'an index of nothing': { blobs: [], manifests: [index([])] },
  'an artifact': { blobs: ['{}'], manifests: [artifact()] },
  'an artifact without layers': { blobs: ['{}'], manifests: [artifact({ layers: [] })] },
  'an index of artifacts': {
    blobs: ['{}'],
    manifests: [artifact(), index([listed(artifact())], { artifactType: 'application/vnd.example+list' })],
  },
  'what is added by others': {
    blobs: [CONFIG, LAYER],
    manifests: [image({ 'org.example.own': { a: [1, 2] }, config: { ...descriptor(CONFIG_TYPE, CONFIG), own: true } })],
  },
  'an image without layers': { blobs: [CONFIG], manifests: [image({ layers: [] })] },
  'a layer that is not distributed': {
    blobs: [CONFIG],
    manifests: [
      image({
        layers: [
          {
            ...descriptor('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'elsewhere'),
            urls: ['https://example.com/elsewhere'],
          },
        ],
      }),
    ],
  },
  'content in the descriptor': {
    blobs: [CONFIG, LAYER],
    manifests: [
      image({ config: { ...descriptor(CONFIG_TYPE, CONFIG), data: Buffer.from(CONFIG).toString('base64') } }),
    ],
  },
};

suite('push, pull, content discovery and content management: manifests', () => {
  for (const [name, { blobs, manifests }] of Object.entries(DATA_SETS)) {
    for (const algorithm of ALGORITHMS) {
      test(`${name}, ${algorithm}`, async () => {
        await withRegistry(async (r) => {
          const repository = 'one/data';
          for (const blob of blobs) await r.blob(repository, blob);
          const pushed = manifests.map(({ mediaType, document }) => {
            const text = JSON.stringify(document);
            return { mediaType, text, digest: digestOf(text, algorithm), own: digestOf(text) };
          });
          // What an index names, it names by sha256.
          for (const { mediaType, text, digest, own } of pushed) {
            for (const reference of new Set([own, digest])) {
              const answer = await r.ask('PUT', `${repository}/manifests/${reference}`, {
                headers: { 'content-type': mediaType },
                body: text,
              });
              assert.equal(answer.status, 201, answer.body.toString());
              assert.equal(answer.headers.get('docker-content-digest'), reference);
              assert.equal((await r.ask('GET', answer.headers.get('location') ?? '')).body.toString(), text);
            }
          }
          const top = pushed.at(-1);
          assert.ok(top);
          const tags = ['latest', 'v1', 'V2', '_x', 'a.b-c'];
          for (const tag of tags) {
            const headers = { 'content-type': top.mediaType };
            const answer = await r.ask('PUT', `${repository}/manifests/${tag}`, { headers, body: top.text });
            assert.equal(answer.status, 201);
          }
          const sorted = tags.toSorted();
          assert.deepEqual(jsonOf(await r.ask('GET', `${repository}/tags/list`))['tags'], sorted);
          const paged = await r.ask('GET', `${repository}/tags/list?n=2&last=${sorted[0]}`);
          assert.deepEqual(jsonOf(paged)['tags'], sorted.slice(1, 3));
          assert.match(paged.headers.get('link') ?? '', /^<[^>]*last=[^>]+>; rel="next"$/);
          assert.deepEqual(jsonOf(await r.ask('GET', `${repository}/tags/list?n=0`))['tags'], []);

          for (const { mediaType, text, digest } of pushed) {
            for (const reference of digest === top.digest ? [digest, ...tags] : [digest]) {
              const head = await r.ask('HEAD', `${repository}/manifests/${reference}`);
              assert.equal(head.status, 200);
              assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(text)));
              assert.equal(head.headers.get('content-type'), mediaType);
              const got = await r.ask('GET', `${repository}/manifests/${reference}`, {
                headers: { accept: mediaType },
              });
              assert.equal(got.body.toString(), text);
            }
          }
          assert.equal((await r.ask('DELETE', `${repository}/manifests/v1`)).status, 202);
          assert.equal((await r.ask('GET', `${repository}/manifests/v1`)).status, 404);
          assert.equal((await r.ask('GET', `${repository}/manifests/V2`)).status, 200);
          for (const { digest, own } of pushed.toReversed()) {
            for (const reference of new Set([digest, own])) {
              assert.equal((await r.ask('DELETE', `${repository}/manifests/${reference}`)).status, 202);
              const gone = await r.ask('GET', `${repository}/manifests/${reference}`);
              assert.equal(gone.status, 404);
              assert.equal(codeOf(gone), 'MANIFEST_UNKNOWN');
            }
          }
          assert.equal((await r.ask('GET', `${repository}/manifests/latest`)).status, 404);
          for (const blob of new Set(blobs)) {
            assert.equal((await r.ask('DELETE', `${repository}/blobs/${digestOf(blob)}`)).status, 202);
            assert.equal((await r.ask('GET', `${repository}/blobs/${digestOf(blob)}`)).status, 404);
          }
        });
      });
    }
  }
});

test('content discovery: referrers of a subject, whether it is there or not, of images, artifacts and indexes', async () => {
  await withRegistry(async (r) => {
    const repository = 'one/referrers';
    for (const blob of [CONFIG, LAYER, '{}']) await r.blob(repository, blob);
    const put = async ({ mediaType, document }: { mediaType: string; document: object }) => {
      const text = JSON.stringify(document);
      const headers = { 'content-type': mediaType };
      const answer = await r.ask('PUT', `${repository}/manifests/${digestOf(text)}`, { headers, body: text });
      assert.equal(answer.status, 201);
      return answer;
    };
    for (const subjectIsThere of [true, false]) {
      const subject = image({ annotations: { there: String(subjectIsThere) } });
      const named = listed(subject);
      if (subjectIsThere) await put(subject);
      const first = artifact({ subject: named, annotations: { 'org.example': 'first' } });
      const others = [
        artifact({ subject: named, artifactType: 'application/vnd.example+other' }),
        image({ subject: named }),
        index([], { subject: named, artifactType: 'application/vnd.example+list' }),
      ];
      for (const one of [first, ...others]) {
        assert.equal((await put(one)).headers.get('oci-subject'), named['digest']);
      }
      const all = await r.ask('GET', `${repository}/referrers/${String(named['digest'])}`);
      assert.equal(all.headers.get('content-type'), OCI_INDEX);
      const found = jsonOf(all)['manifests'] as Record<string, unknown>[];
      assert.deepEqual(
        found.map(({ artifactType }) => String(artifactType)).sort(),
        [
          'application/vnd.example+list',
          'application/vnd.example+other',
          'application/vnd.example+type',
          CONFIG_TYPE,
        ].sort(),
      );
      const filtered = await r.ask(
        'GET',
        `${repository}/referrers/${String(named['digest'])}?artifactType=application/vnd.example%2Btype`,
      );
      assert.equal(filtered.headers.get('oci-filters-applied'), 'artifactType');
      assert.deepEqual(jsonOf(filtered)['manifests'], [
        listed(first, { artifactType: 'application/vnd.example+type', annotations: { 'org.example': 'first' } }),
      ]);
    }
    assert.equal((await r.ask('GET', `${repository}/referrers/nonsense`)).status, 400);
  });
});

test('manifests that are wrong, and names that lead nowhere', async () => {
  await withRegistry(async (r) => {
    assert.equal((await r.ask('GET', 'one/a/manifests/none')).status, 404);
    assert.equal((await r.ask('GET', `one/a/manifests/${digestOf('none')}`)).status, 404);
    assert.equal((await r.ask('GET', 'one/a/manifests/sha256:baddigeststring')).status, 400);
    const headers = { 'content-type': OCI_MANIFEST };
    for (const [reference, body, status, code] of [
      ['sha256:baddigeststring', JSON.stringify(plain.document), 400, 'DIGEST_INVALID'],
      [digestOf('other'), JSON.stringify(plain.document), 400, 'DIGEST_INVALID'],
      ['1', JSON.stringify(plain.document), 404, 'MANIFEST_BLOB_UNKNOWN'],
      ['1', 'no JSON', 400, 'MANIFEST_INVALID'],
      ['1', '[]', 400, 'MANIFEST_INVALID'],
      ['1', '{"schemaVersion":1}', 400, 'MANIFEST_INVALID'],
      ['-bad-tag', JSON.stringify(plain.document), 400, 'TAG_INVALID'],
      ['1', JSON.stringify({ ...plain.document, annotations: { x: 'x'.repeat(9_000_000) } }), 413, 'SIZE_INVALID'],
    ] as const) {
      const answer = await r.ask('PUT', `one/a/manifests/${reference}`, { headers, body });
      assert.equal(answer.status, status, `${reference} ${body.slice(0, 30)}`);
      assert.equal(codeOf(answer), code);
    }
    for (const name of ['UPPER', 'a//b', '-a', 'a/_b', 'x'.repeat(300)]) {
      assert.equal((await r.ask('GET', `${name}/tags/list`)).status, 400, name);
    }
  });
});
