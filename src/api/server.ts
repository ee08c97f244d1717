import type { ApiOptions, ApiServer } from './contract.ts';

export function createApi(_options: ApiOptions): ApiServer {
  throw new Error('the API is being written');
}
