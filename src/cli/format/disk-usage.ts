import type { ContainerSummary } from '../../core/wire/container.ts';
import type { ImageSummary, VolumeResource } from '../../core/wire/resources.ts';
import { CONTAINER_LAYOUT, containerRow } from './container-row.ts';
import { formatRows, type Row } from './formatter.ts';
import { ago, humanSize } from './human.ts';
import { IMAGE_LAYOUT, imageRow, namesOf } from './image-row.ts';

/** One object of the build cache, in `GET /system/df`. */
interface CacheUsage {
  readonly ID: string;
  readonly Type: string;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt: string | null;
  readonly UsageCount: number;
  readonly InUse: boolean;
  readonly Shared: boolean;
}

/** `GET /system/df`. */
export interface DiskUsage {
  readonly LayersSize: number;
  readonly Images: ImageSummary[] | null;
  readonly Containers: ContainerSummary[] | null;
  readonly Volumes: VolumeResource[] | null;
  readonly BuildCache: CacheUsage[] | null;
}

/** `system df -v`: four tables, or with `json` one object. */
export function detailed(usage: DiskUsage, format: string | undefined, now: Date): string {
  const json = format === 'json' || format === '{{json .}}';
  const images = (usage.Images ?? []).flatMap((i) =>
    namesOf(i, false).map((n) => ({ ...imageRow(i, n, json, now), Digest: () => '' })),
  );
  const containers = (usage.Containers ?? []).map((c) => containerOf(c, containerRow(c, json, now)));
  const volumes = (usage.Volumes ?? []).map(volumeRow);
  const cache = (usage.BuildCache ?? []).map((c) => cacheRow(c, now));
  if (json) {
    const list = (rows: readonly Row[]) =>
      `[${formatRows(rows, CONTAINER_LAYOUT, { format: 'json' }).trimEnd().split('\n').filter(Boolean).join(',')}]`;
    const all = { Images: images, Containers: containers, Volumes: volumes, BuildCache: cache };
    return `{${Object.entries(all)
      .map(([name, rows]) => `"${name}":${list(rows)}`)
      .join(',')}}\n`;
  }
  const cacheSize = (usage.BuildCache ?? []).filter((c) => !c.Shared).reduce((n, c) => n + c.Size, 0);
  return [
    'Images space usage:\n',
    formatRows(images, IMAGES, {}),
    'Containers space usage:\n',
    formatRows(containers, CONTAINERS, {}),
    'Local Volumes space usage:\n',
    formatRows(volumes, VOLUMES, {}),
    `Build cache usage: ${humanSize(cacheSize)}\n`,
    formatRows(cache, CACHE, {}),
  ].join('\n');
}

const IMAGES = {
  headings: IMAGE_LAYOUT.headings,
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers'],
};
const CONTAINERS = {
  headings: { ...CONTAINER_LAYOUT.headings, LocalVolumes: 'LOCAL VOLUMES', RunningFor: 'CREATED' },
  columns: ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names'],
};
const VOLUMES = { headings: { Name: 'VOLUME NAME', Links: 'LINKS', Size: 'SIZE' }, columns: ['Name', 'Links', 'Size'] };
const CACHE = {
  headings: {
    ID: 'CACHE ID',
    CacheType: 'CACHE TYPE',
    Size: 'SIZE',
    CreatedSince: 'CREATED',
    LastUsedSince: 'LAST USED',
    UsageCount: 'USAGE',
    Shared: 'SHARED',
  },
  columns: ['ID', 'CacheType', 'Size', 'CreatedSince', 'LastUsedSince', 'UsageCount', 'Shared'],
};

/** Sizes are asked for here without `-s`, and shown without the image's. */
function containerOf(container: ContainerSummary, row: Row): Row {
  return { ...row, Size: () => humanSize(container.SizeRw ?? 0, 3) };
}

function volumeRow({ Name, Driver, Scope, Mountpoint, Labels, UsageData }: VolumeResource): Row {
  const known = (n: number | undefined) => n !== undefined && n >= 0;
  return {
    Availability: () => 'N/A',
    Group: () => 'N/A',
    Status: () => 'N/A',
    Name: () => Name,
    Driver: () => Driver,
    Scope: () => Scope,
    Mountpoint: () => Mountpoint,
    Labels: () =>
      Object.entries(Labels ?? {})
        .map(([k, v]) => `${k}=${v}`)
        .join(','),
    Links: () => (known(UsageData?.RefCount) ? String(UsageData?.RefCount) : 'N/A'),
    Size: () => (known(UsageData?.Size) ? humanSize(UsageData?.Size ?? 0) : 'N/A'),
  };
}

function cacheRow(cache: CacheUsage, now: Date): Row {
  const since = (time: string | null) => (time === null || time === '' ? '' : ago(Date.parse(time) / 1000, now));
  return {
    ID: () => `${cache.ID.slice(0, 12)}${cache.InUse ? '*' : ''}`,
    CacheType: () => cache.Type,
    Size: () => humanSize(cache.Size),
    CreatedSince: () => since(cache.CreatedAt),
    LastUsedSince: () => since(cache.LastUsedAt),
    UsageCount: () => String(cache.UsageCount),
    InUse: () => String(cache.InUse),
    Shared: () => String(cache.Shared),
  };
}
