import type { ChainId, Digest } from '../../core/digest.ts';
import { familiar, familiarName } from '../../core/reference.ts';
import type { ImageHistoryItem, ImageInspect, ImageSummary } from '../../core/wire/resources.ts';
import type { LayerStore } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import type { Catalog } from './catalog.ts';

const NEVER = '0001-01-01T00:00:00Z';

function tagsOf(catalog: Catalog, id: Digest): string[] {
  return catalog.names(id).flatMap(({ reference }) => (reference.digest === undefined ? [familiar(reference)] : []));
}
function digestsOf(catalog: Catalog, id: Digest): string[] {
  return catalog
    .names(id)
    .flatMap(({ reference }) =>
      reference.digest === undefined ? [] : [`${familiarName(reference)}@${reference.digest}`],
    );
}

/** Milliseconds since the epoch; 0 if the image does not tell. */
export function createdMs(image: Image): number {
  const at = Date.parse(image.config.created ?? '');
  return Number.isNaN(at) ? 0 : at;
}

export function summaryOf(catalog: Catalog, image: Image): ImageSummary {
  return {
    Id: image.id,
    ParentId: catalog.parentOf(image.id) ?? '',
    RepoTags: tagsOf(catalog, image.id),
    RepoDigests: digestsOf(catalog, image.id),
    Created: Math.floor(createdMs(image) / 1000),
    Size: image.sizeBytes,
    SharedSize: -1,
    Labels: image.config.config?.Labels ?? null,
    Containers: -1,
  };
}

/** Bytes of an image that other images stand on too. */
export function sharedSize(image: Image, all: readonly Image[], layers: LayerStore): number {
  const others = new Set<ChainId>(all.filter(({ id }) => id !== image.id).flatMap(({ chain }) => chain));
  return image.chain.reduce((sum, c) => sum + (others.has(c) ? (layers.find(c)?.sizeBytes ?? 0) : 0), 0);
}

export function inspectOf(catalog: Catalog, layers: LayerStore, image: Image): ImageInspect {
  const { config } = image;
  const run = config.config ?? {};
  const top = image.chain.at(-1);
  const [upper, ...lower] = top === undefined ? [] : layers.lowerDirs(top);
  return {
    Id: image.id,
    RepoTags: tagsOf(catalog, image.id),
    RepoDigests: digestsOf(catalog, image.id),
    Parent: catalog.parentOf(image.id) ?? '',
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? NEVER,
    DockerVersion: '',
    Author: config.author ?? '',
    Config: {
      ...run,
      User: run.User ?? '',
      Env: run.Env ?? null,
      Cmd: run.Cmd ?? null,
      Entrypoint: run.Entrypoint ?? null,
      Volumes: run.Volumes ?? null,
      WorkingDir: run.WorkingDir ?? '',
      OnBuild: run.OnBuild ?? null,
      Labels: run.Labels ?? null,
    },
    Architecture: config.architecture,
    ...(config.variant !== undefined && { Variant: config.variant }),
    Os: config.os,
    Size: image.sizeBytes,
    GraphDriver: {
      Name: 'overlay2',
      Data: {
        ...(lower.length > 0 && { LowerDir: lower.join(':') }),
        ...(upper !== undefined && { UpperDir: upper }),
      },
    },
    RootFS: { Type: 'layers', Layers: [...config.rootfs.diff_ids] },
    Metadata: { LastTagTime: catalog.lastTagged(image.id) ?? NEVER },
  };
}

/** Newest first. Only this image and its known parents have IDs; what came with a pull is `<missing>`. */
export function historyOf(catalog: Catalog, layers: LayerStore, image: Image): ImageHistoryItem[] {
  let layer = 0;
  const items = (image.config.history ?? []).map((entry): ImageHistoryItem => {
    const chainId = entry.empty_layer ? undefined : image.chain[layer++];
    const at = Date.parse(entry.created ?? '');
    return {
      Id: '<missing>',
      Created: Number.isNaN(at) ? 0 : Math.floor(at / 1000),
      CreatedBy: entry.created_by ?? '',
      Tags: null,
      Size: chainId === undefined ? 0 : (layers.find(chainId)?.sizeBytes ?? 0),
      Comment: entry.comment ?? '',
    };
  });
  items.reverse();
  let id: Digest | undefined = image.id;
  for (const item of items) {
    if (id === undefined) break;
    const tags = tagsOf(catalog, id);
    item.Id = id;
    item.Tags = tags.length === 0 ? null : tags;
    id = catalog.parentOf(id);
  }
  return items;
}
