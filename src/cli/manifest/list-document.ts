import { MEDIA_TYPES } from '../../core/oci.ts';
import type { ListedManifest } from './store.ts';

/** A list as it is pushed: an index of OCI, unless all that it names is Docker's. The same list gives the docker CLI's bytes. */
export function listDocument(manifests: readonly ListedManifest[]): {
  readonly text: string;
  readonly mediaType: string;
} {
  const docker = manifests.every(({ Descriptor }) => Descriptor.mediaType === MEDIA_TYPES.dockerManifest);
  const mediaType = docker ? MEDIA_TYPES.dockerIndex : MEDIA_TYPES.ociIndex;
  const document = {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map(({ Descriptor: { mediaType: kind, size, digest, platform = {} } }) => {
      const { architecture, os, variant, 'os.version': version, 'os.features': features } = platform;
      return {
        mediaType: kind,
        size,
        digest,
        platform: { architecture, os, 'os.version': version, 'os.features': features, variant },
      };
    }),
  };
  return { text: JSON.stringify(document, undefined, 3), mediaType };
}
