import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrongInConfig, wrongInManifest } from './documents.ts';

const digest = `sha256:${'a'.repeat(64)}`;
for (const [document, expected] of [
  [{ schemaVersion: 2, config: { digest, size: 1 }, layers: [{ digest, size: 1, mediaType: 'x' }] }, undefined],
  [{ schemaVersion: 2, manifests: null, annotations: null }, undefined],
  [{ manifests: { flatMap: 1 } }, '"manifests" is no list'],
  [{ layers: [null] }, '"layers[0]" is no object'],
  [{ config: { size: '9' } }, '"config.size" is no number'],
  [{ manifests: [{ platform: 'linux' }] }, '"manifests[0].platform" is no object'],
  [null, 'it is no JSON object'],
  ['text', 'it is no JSON object'],
] as const) {
  test(`manifest ${JSON.stringify(document)}: ${expected ?? 'fine'}`, () =>
    assert.equal(wrongInManifest(document), expected));
}

for (const [document, expected] of [
  [{ architecture: 'amd64', os: 'linux', config: { Env: null, Cmd: ['a'], unknown: 1 } }, undefined],
  [{ rootfs: null, history: [{ empty_layer: true }] }, undefined],
  [JSON.parse('{"__proto__": {"os": 1}}'), undefined],
  [{ config: { Env: { a: 'b' } } }, '"config.Env" is no list'],
  [{ config: { Entrypoint: 'sh' } }, '"config.Entrypoint" is no list'],
  [{ config: { Labels: { a: 1 } } }, '"config.Labels.a" is no text'],
  [{ rootfs: { diff_ids: 'x' } }, '"rootfs.diff_ids" is no list'],
  [{ config: { Healthcheck: { Interval: '5s' } } }, '"config.Healthcheck.Interval" is no number'],
  [[], 'it is no JSON object'],
] as const) {
  test(`config ${JSON.stringify(document)}: ${expected ?? 'fine'}`, () =>
    assert.equal(wrongInConfig(document), expected));
}
