import type { ContainerSummary } from '../../core/wire/container.ts';
import type { VolumeResource } from '../../core/wire/resources.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { detailed, type DiskUsage } from '../format/disk-usage.ts';
import { printRows, type Layout } from '../format/formatter.ts';
import { humanSize } from '../format/human.ts';
import { tableFormat } from '../format/format-flag.ts';

const LAYOUT = {
  type: '*formatter.diskUsageImagesContext',
  headings: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  columns: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
} satisfies Layout;

export const df = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  examples: [['Each image, container and volume', 'wharf system df -v']],
  options: { format: tableFormat(), verbose: flag.bool('-v, --verbose', 'Show detailed information on space usage') },
  async run({ options }, context) {
    const usage = (await context.client.request('GET', '/system/df')) as DiskUsage;
    if (options.verbose) {
      await context.print(detailed(usage, options.format, new Date()));
      return 0;
    }
    const images = usage.Images ?? [];
    const containers = usage.Containers ?? [];
    const volumes = usage.Volumes ?? [];
    const cache = usage.BuildCache ?? [];
    const isActive = (c: ContainerSummary) => ['running', 'paused', 'restarting'].includes(c.State);
    const usedLayers = sum(images.filter((i) => i.Containers > 0).map((i) => i.Size - Math.max(0, i.SharedSize)));
    const volumeSize = (v: VolumeResource) => Math.max(0, v.UsageData?.Size ?? 0);
    const isUsed = (v: VolumeResource) => (v.UsageData?.RefCount ?? 0) > 0;
    const rows = [
      row(
        'Images',
        images.length,
        images.filter((i) => i.Containers > 0).length,
        usage.LayersSize,
        usage.LayersSize - usedLayers,
      ),
      row(
        'Containers',
        containers.length,
        containers.filter(isActive).length,
        sum(containers.map((c) => c.SizeRw ?? 0)),
        sum(containers.filter((c) => !isActive(c)).map((c) => c.SizeRw ?? 0)),
      ),
      row(
        'Local Volumes',
        volumes.length,
        volumes.filter(isUsed).length,
        sum(volumes.map(volumeSize)),
        sum(volumes.filter((v) => !isUsed(v)).map(volumeSize)),
      ),
      row(
        'Build Cache',
        cache.length,
        cache.filter((c) => c.InUse).length,
        sum(cache.map((c) => c.Size)),
        sum(cache.filter((c) => !c.InUse && !c.Shared).map((c) => c.Size)),
        false,
      ),
    ];
    await printRows(context, rows, LAYOUT, options);
    return 0;
  },
});

function row(type: string, total: number, active: number, size: number, reclaimable: number, share = true) {
  const percent = share && size > 0 ? ` (${Math.trunc((reclaimable / size) * 100)}%)` : '';
  return {
    Type: () => type,
    TotalCount: () => String(total),
    Active: () => String(active),
    Size: () => humanSize(size),
    Reclaimable: () => `${humanSize(reclaimable)}${percent}`,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
