import type { Storage, StorageOptions } from './contract.ts';

export function openStorage(_options: StorageOptions): Promise<Storage> {
  throw new Error('storage is being written');
}
