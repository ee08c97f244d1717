import type { Networks, NetworksOptions } from './contract.ts';

export function openNetworks(_options: NetworksOptions): Promise<Networks> {
  throw new Error('networks are being written');
}
