import type { EndpointSettings, NetworkSettings } from '../../core/wire/network.ts';
import type { Context } from './context.ts';
import { dnsNames } from './endpoints.ts';
import { exposedPorts, wirePorts } from './ports.ts';
import type { Attachment, ContainerRecord } from './record.ts';
import { isLive } from './state.ts';

/** `NetworkSettings.Networks[x]`: what was asked for, and what the kernel has. */
function wireEndpoint(record: ContainerRecord, attachment: Attachment): EndpointSettings {
  const { settings, endpoint } = attachment;
  const hasNames = attachment.network !== 'bridge' && attachment.network !== 'host' && attachment.network !== 'none';
  return {
    IPAMConfig: settings.IPAMConfig ?? null,
    Links: settings.Links ?? null,
    Aliases: settings.Aliases ?? null,
    MacAddress: endpoint?.mac ?? settings.MacAddress ?? '',
    DriverOpts: settings.DriverOpts ?? null,
    GwPriority: settings.GwPriority ?? 0,
    NetworkID: attachment.networkId,
    EndpointID: endpoint?.request.endpointId ?? '',
    Gateway: endpoint?.gateway ?? '',
    IPAddress: endpoint?.ipv4 ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.ipv6Gateway ?? '',
    GlobalIPv6Address: endpoint?.ipv6 ?? '',
    GlobalIPv6PrefixLen: endpoint?.ipv6PrefixLength ?? 0,
    DNSNames: hasNames ? dnsNames(record, attachment) : null,
  };
}

export function wireNetworks(record: ContainerRecord): Record<string, EndpointSettings> {
  return Object.fromEntries(record.attachments.map((a) => [a.network, wireEndpoint(record, a)]));
}

/** `NetworkSettings` of inspect. The address fields at the top are the default bridge's alone. */
export function wireNetworkSettings(ctx: Context, record: ContainerRecord): NetworkSettings {
  const live = isLive(record.state);
  const bridge = record.attachments.find((a) => a.network === 'bridge')?.endpoint;
  const path = live ? (ctx.options.networks.sandboxPath(record.id) ?? '') : '';
  return {
    Bridge: '',
    SandboxID: live ? record.id : '',
    SandboxKey: path,
    Ports: live ? wirePorts(exposedPorts(record.config, record.hostConfig), record.ports) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.request.endpointId ?? '',
    Gateway: bridge?.gateway ?? '',
    GlobalIPv6Address: bridge?.ipv6 ?? '',
    GlobalIPv6PrefixLen: bridge?.ipv6PrefixLength ?? 0,
    IPAddress: bridge?.ipv4 ?? '',
    IPPrefixLen: bridge?.prefixLength ?? 0,
    IPv6Gateway: bridge?.ipv6Gateway ?? '',
    MacAddress: bridge?.mac ?? '',
    Networks: wireNetworks(record),
  };
}
