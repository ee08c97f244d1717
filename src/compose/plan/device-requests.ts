import type { DeviceRequest } from '../../core/wire/container.ts';
import type { BlkioDevice, Service } from '../model/service.ts';
import { optional } from './optional.ts';

/** Limits of block devices as the engine takes them. */
export function rates(devices: readonly BlkioDevice[] | undefined): { Path: string; Rate: number }[] | undefined {
  return devices?.map((d) => ({ Path: d.path, Rate: d.rate ?? 0 }));
}

/** `gpus`, `deploy.resources.reservations.devices`, and devices written as `vendor/class=name`. */
export function deviceRequests(service: Service): DeviceRequest[] | undefined {
  const wanted = [
    ...(service.gpus ?? []).map((g) => ({ ...g, capabilities: [...new Set([...(g.capabilities ?? []), 'gpu'])] })),
    ...(service.deploy?.resources?.reservations?.devices ?? []),
  ];
  const requests: DeviceRequest[] = wanted.map((d) => ({
    ...optional('Driver', d.driver),
    ...optional('Count', d.count ?? (d.device_ids ? undefined : -1)),
    ...optional('DeviceIDs', d.device_ids && [...d.device_ids]),
    Capabilities: [[...(d.capabilities ?? [])]],
    ...optional('Options', d.options && { ...d.options }),
  }));
  const named = (service.devices ?? []).map((d) => d.source).filter(isNamedDevice);
  if (named.length > 0) requests.push({ Driver: 'cdi', Count: named.length, DeviceIDs: named });
  return requests.length > 0 ? requests : undefined;
}

/** `vendor.com/class=name` (Container Device Interface), not a path. */
export function isNamedDevice(source: string): boolean {
  return !source.startsWith('/') && source.includes('=');
}
