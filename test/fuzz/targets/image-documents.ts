import { wrongInConfig } from '../../../src/engine/images/documents.ts';
import { bestFor } from '../../../src/engine/images/platforms.ts';
import { configOf, imageManifest, manifestDocument } from '../../../src/engine/images/pull.ts';
import { Refusal } from '../../../src/registry/server/errors.ts';
import { readManifest } from '../../../src/registry/server/manifest-document.ts';
import { WharfError } from '../../../src/core/errors.ts';
import { madeJson } from '../made-json.ts';
import type { Target } from '../target.ts';

const WORDS = [
  'schemaVersion',
  'mediaType',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'config',
  'layers',
  'manifests',
  'platform',
  'os',
  'linux',
  'architecture',
  'arm64',
  'variant',
  'v8',
  'digest',
  `sha256:${'a'.repeat(64)}`,
  'size',
  'annotations',
  'urls',
  'subject',
  'artifactType',
  'rootfs',
  'diff_ids',
  'history',
  'created_by',
  'empty_layer',
  'Env',
  'A=b',
  'Cmd',
  'Entrypoint',
  'OnBuild',
  'Labels',
  'ExposedPorts',
  'Volumes',
  'Healthcheck',
  'Test',
  'Interval',
  '__proto__',
  '',
];

/** What registries and archives say about images, read by the engine; what is pushed to the registry, read by it. */
export const target: Target = {
  parse: (input) => {
    tryAll(input);
    const text = madeJson(input, WORDS);
    tryAll(Buffer.from(text));
    tryAll(Buffer.from(`{"schemaVersion":2,"manifests":${text}}`));
    tryAll(Buffer.from(`{"schemaVersion":2,${CONFIG},"layers":${text}}`));
    tryAll(Buffer.from(`{"rootfs":{"diff_ids":[]},"config":${text}}`));
  },
  refuses: () => false,
  longest: 1024,
  words: ['null', '{"', '":', '"}', '[', ']', ...WORDS.filter(Boolean)],
};

const CONFIG = `"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:${'a'.repeat(64)}","size":1}`;

function tryAll(bytes: Buffer): void {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const wanted = { os: 'linux', architecture: 'arm64' };
  for (const read of [
    () => imageManifest({ bytes, mediaType }),
    () => bestFor(wanted, manifestDocument({ bytes, mediaType }).manifests ?? []),
    () => readManifest(bytes, ''),
    () => readManifest(bytes, mediaType),
    () => readManifest(bytes, 'application/vnd.oci.image.index.v1+json'),
    () => useConfig(bytes.toString()),
  ]) {
    try {
      read();
    } catch (e) {
      if (!(e instanceof WharfError || e instanceof Refusal)) throw e;
    }
  }
}

/** As those do who take a config for granted once it was checked. */
function useConfig(text: string): void {
  const { config, rootfs, history } = configOf(text);
  for (const list of [config?.Env, config?.Cmd, config?.Entrypoint, config?.OnBuild, rootfs?.diff_ids]) {
    for (const item of list ?? []) item.trimEnd();
  }
  for (const map of [config?.Labels, config?.ExposedPorts, config?.Volumes]) Object.keys(map ?? {});
  for (const entry of history ?? []) entry.created_by?.trimEnd();
  if (wrongInConfig(JSON.parse(text)) !== undefined) throw new Error('taken, though it is wrong');
}
