import type { DeviceRequest } from '../model/service.ts';
import type { Shape } from './shape.ts';
import { integer, invalidAt, labels, list, object, string, text, wrong } from './shape.ts';

/** A number, or `all`, which is -1. */
const count: Shape<number> = {
  read: (tree, where) => (tree.kind === 'scalar' && tree.value === 'all' ? -1 : integer.read(tree, where)),
};
const fields = object<DeviceRequest>({
  capabilities: list(string),
  driver: text,
  count,
  device_ids: list(text),
  options: labels,
});
const request: Shape<DeviceRequest> = {
  read(tree, where) {
    const found = fields.read(tree, where);
    if (found.count !== undefined && found.device_ids !== undefined)
      throw invalidAt(tree, `${where.path}: "count" and "device_ids" attributes are exclusive`);
    return found;
  },
};

/** `deploy.resources.reservations.devices`: what a device must be able to do has to be said. */
export const deviceRequests: Shape<DeviceRequest[]> = list({
  read(tree, where) {
    const found = request.read(tree, where);
    if (!found.capabilities) throw invalidAt(tree, `${where.path} needs "capabilities", such as [gpu]`);
    return found;
  },
});
/** `gpus`: `all`, or a list. */
export const gpus: Shape<DeviceRequest[]> = {
  read(tree, where) {
    if (tree.kind === 'scalar' && tree.value === 'all') return [{ count: -1 }];
    if (tree.kind !== 'list') throw wrong(tree, where, '"all" or a list', 'write gpus: all, or - count: 1 below it');
    return list(request).read(tree, where);
  },
};
