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
    ...(before('1.47') ? { Manifests: undefined } : {}),
  };
}

/**
 * docker-compose in Python, all of whose versions read ContainerConfig whatever version of the API they speak: without it
 * they cannot make a container anew (`KeyError: 'ContainerConfig'`).
 */
const DOCKER_COMPOSE_1 = /^docker-compose\/1\./;

/** @param client the `User-Agent` */
export function imageInspectFor(version: string, client: string | undefined, image: ImageInspect): object {
  const before = (v: string) => compareVersions(version, v) < 0;
  return {
    ...image,
    ...(before('1.44') ? { VirtualSize: image.Size } : {}),
    ...(before('1.45') || DOCKER_COMPOSE_1.test(client ?? '') ? { Container: '', ContainerConfig: image.Config } : {}),
  };
}
