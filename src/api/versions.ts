import type { ImageInspect, ImageSummary } from '../core/wire/resources.ts';
import { compareVersions } from './http/version.ts';

/** What a client of an older version expects in answers whose form has changed since. */

export function imageSummaryFor(version: string, image: ImageSummary): object {
  const before = (v: string) => compareVersions(version, v) < 0;
  return {
    ...image,
    ...(before('1.43') && image.RepoTags.length === 0
      ? {
          RepoTags: ['<none>:<none>'],
          RepoDigests: image.RepoDigests.length === 0 ? ['<none>@<none>'] : image.RepoDigests,
        }
      : {}),
    ...(before('1.44') ? { VirtualSize: image.Size } : {}),
    ...(before('1.51') ? { Containers: -1 } : {}),
  };
}

export function imageInspectFor(version: string, image: ImageInspect): object {
  const before = (v: string) => compareVersions(version, v) < 0;
  return {
    ...image,
    ...(before('1.44') ? { VirtualSize: image.Size } : {}),
    ...(before('1.45') ? { Container: '', ContainerConfig: null } : {}),
  };
}
