import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MEDIA_TYPES } from '../../core/oci.ts';
import { rangeFrom } from './blob-routes.ts';
import { Refusal } from './errors.ts';
import { readManifest } from './manifest-document.ts';
import { chunkStart } from './upload-routes.ts';

const refuses = (code: string) => (e: unknown) => e instanceof Refusal && e.code === code;

test('ranges of RFC 9110', () => {
  const cases: readonly (readonly [header: string | undefined, range: readonly [number, number] | undefined])[] = [
    [undefined, undefined],
    ['bytes=0-9', [0, 9]],
    ['bytes=5-', [5, 99]],
    ['bytes=-7', [93, 99]],
    ['bytes=-700', [0, 99]],
    ['bytes=90-900', [90, 99]],
    ['bytes=-', undefined],
    ['bytes=0-1,5-6', undefined],
    ['octets=0-1', undefined],
  ];
  for (const [header, range] of cases) {
    assert.deepEqual(rangeFrom(header, 100), range && { start: range[0], end: range[1] }, header);
  }
  for (const header of ['bytes=100-', 'bytes=9-5', 'bytes=-0']) {
    assert.throws(() => rangeFrom(header, 100), refuses('RANGE_INVALID'), header);
  }
});

test('where a chunk says it begins', () => {
  assert.equal(chunkStart(undefined, {}), undefined);
  assert.equal(chunkStart('0-4', { 'content-length': '5' }), 0);
  assert.equal(chunkStart('bytes 10-19/*', {}), 10);
  for (const [header, length] of [
    ['0-4', '4'],
    ['9-5', undefined],
    ['x', undefined],
  ] as const) {
    assert.throws(() => chunkStart(header, { 'content-length': length }), refuses('SIZE_INVALID'), header);
  }
});

suite('manifests', () => {
  const a = `sha256:${'a'.repeat(64)}`;
  const b = `sha256:${'b'.repeat(64)}`;
  const read = (document: object, type: string = MEDIA_TYPES.ociManifest) =>
    readManifest(Buffer.from(JSON.stringify(document)), type);
  test('what must be there, and what lives elsewhere', () => {
    const facts = read({
      schemaVersion: 2,
      config: { mediaType: 'x/config', digest: a },
      layers: [{ digest: b }, { digest: a, urls: ['https://example.com'] }],
      subject: { digest: b },
      annotations: { k: 'v', n: 1 },
    });
    assert.deepEqual(facts.blobs, [a, b]);
    assert.equal(facts.artifactType, 'x/config');
    assert.equal(facts.subject, b);
    assert.deepEqual(facts.annotations, { k: 'v' });
  });
  for (const [name, document] of Object.entries({
    'no config': { schemaVersion: 2, layers: [] },
    'schema 1': { schemaVersion: 1, config: { digest: a } },
    'a digest of nothing': { schemaVersion: 2, config: { digest: 'sha256:x' } },
    'layers that are no list': { schemaVersion: 2, config: { digest: a }, layers: 'x' },
    'another type inside': { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, config: { digest: a } },
    'null for a layer': { schemaVersion: 2, config: { digest: a }, layers: [null] },
  })) {
    test(name, () => assert.throws(() => read(document), refuses('MANIFEST_INVALID')));
  }
});
