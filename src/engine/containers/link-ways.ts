import type { AllowedWay } from '../../network/index.ts';
import type { Context } from './context.ts';
import { parseLink } from './links.ts';
import { exposedPorts } from './ports.ts';
import type { ContainerRecord } from './record.ts';
import { isLive } from './state.ts';

/**
 * Lets a running container reach the exposed ports of those it is linked to, where the default bridge keeps containers apart
 * (`--icc=false`).
 */
export function allowLinks(ctx: Context, record: ContainerRecord): void {
  const bridge = ctx.book.named('bridge');
  const endpoint = record.attachments.find((a) => a.networkId === bridge?.id)?.endpoint;
  if (bridge?.bridge?.icc !== false || !endpoint || record.hostConfig.NetworkMode !== 'bridge') return;
  const ways = (record.hostConfig.Links ?? []).flatMap((text): AllowedWay[] => {
    const { target } = parseLink(text);
    const other = ctx.store.all().find((c) => c.name === target || c.id.startsWith(target));
    const address = other?.attachments.find((a) => a.networkId === bridge.id)?.endpoint?.ipv4;
    if (other === undefined || !isLive(other.state) || !address) return [];
    return exposedPorts(other.config, other.hostConfig).map((port) => ({ address, ...port }));
  });
  ctx.options.networks.allow(record.id, bridge.id, ways);
}

/** The same for all that are linked to a container which has just started, perhaps with another address than before. */
export function allowLinksTo(ctx: Context, started: ContainerRecord): void {
  for (const other of ctx.store.all()) {
    if (!isLive(other.state) || other.id === started.id) continue;
    const isLinked = (other.hostConfig.Links ?? []).some((text) => {
      const { target } = parseLink(text);
      return target === started.name || started.id.startsWith(target);
    });
    if (isLinked) allowLinks(ctx, other);
  }
}
