import type { Client, ClientOptions } from './contract.ts';

/** A client for one engine; connects at its first request. */
export function createClient(_options: ClientOptions): Client {
  throw new Error('the client is being written');
}
