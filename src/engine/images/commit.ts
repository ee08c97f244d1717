import { type ChainId, type DiffId, type Digest, isDigest } from '../../core/digest.ts';
import { canonical } from '../../core/reference.ts';
import type { HistoryEntry, ImageConfig, ImageRunConfig } from '../../core/oci.ts';
import { hostPlatform } from '../../core/platform.ts';
import type { ContainerConfig } from '../../core/wire/container.ts';
import type { Images } from '../contract.ts';
import { requestedName } from './names.ts';
import type { MakeParts } from './transfer.ts';

/** What `docker commit` needs of a container. `pause` resolves to what ends the pause. */
export interface CommittedContainer {
  readonly id: string;
  readonly imageId: string;
  readonly config: ContainerConfig;
  pause(): Promise<() => Promise<void>>;
  /** To be told of the new image; `imageRef` is its full name, empty without one. */
  committed(image: { readonly imageID: string; readonly imageRef: string; readonly comment: string }): void;
}

/** `docker commit`: a container's changes become a layer on its image. Gives the new image's ID. */
export async function commitContainer(
  parts: MakeParts & { readonly snapshotKeyOf: (containerId: string) => string },
  container: CommittedContainer,
  request: Parameters<Images['commit']>[0],
): Promise<Digest> {
  const { comment, author } = request;
  const name = requestedName(request);
  const base = isDigest(container.imageId) ? parts.catalog.byId(container.imageId) : undefined;
  const config = request.change(runConfigOf({ ...container.config, ...request.config }));
  const chain = base?.chain ?? [];
  using hold = parts.holds.open();
  for (const chainId of chain) hold.add(chainId);
  const resume = request.pause ? await container.pause() : undefined;
  let layer: { readonly chainId: ChainId; readonly diffId: DiffId } | undefined;
  try {
    const { snapshots, layers } = parts.storage;
    const key = parts.snapshotKeyOf(container.id);
    if ((await snapshots.changes(key)).length > 0) {
      layer = await layers.apply(chain.at(-1) ?? null, await snapshots.tarOfChanges(key));
      hold.add(layer.chainId);
    }
  } finally {
    await resume?.();
  }
  const created = new Date().toISOString();
  const history: HistoryEntry = {
    created,
    ...(author !== '' && { author }),
    created_by: [...(container.config.Entrypoint ?? []), ...(container.config.Cmd ?? [])].join(' '),
    ...(comment !== '' && { comment }),
    ...(layer === undefined && { empty_layer: true }),
  };
  const document: ImageConfig = {
    created,
    ...(author !== '' && { author }),
    architecture: base?.config.architecture ?? hostPlatform().architecture,
    os: base?.config.os ?? 'linux',
    ...(base?.config.variant !== undefined && { variant: base.config.variant }),
    config,
    rootfs: { type: 'layers', diff_ids: [...(base?.config.rootfs.diff_ids ?? []), ...(layer ? [layer.diffId] : [])] },
    history: [...(base?.config.history ?? []), history],
  };
  const { id } = parts.make(JSON.stringify(document), layer ? [...chain, layer.chainId] : chain, base?.id);
  if (name) parts.tag(name, id);
  container.committed({ imageID: id, imageRef: name ? canonical(name) : '', comment });
  return id;
}

/** The part of a container's config that an image keeps. */
function runConfigOf(config: ContainerConfig): ImageRunConfig {
  const {
    Hostname: _h,
    Domainname: _d,
    AttachStdin: _i,
    AttachStdout: _o,
    AttachStderr: _e,
    Tty: _t,
    OpenStdin: _s,
    StdinOnce: _1,
    Image: _m,
    NetworkDisabled: _n,
    MacAddress: _a,
    StopTimeout: _p,
    ...run
  } = config;
  return run;
}
