import type { PortSocket, ResolverState } from './contract.ts';

/**
 * What goes over `network.sock`, a line of JSON each: requests to the keeper, and to each its answer. Operations are taken up
 * in the order in which they come.
 */
export type KeeperOperation =
  | { readonly op: 'putResolver'; readonly state: ResolverState }
  | { readonly op: 'dropResolver'; readonly containerId: string }
  | { readonly op: 'hold'; readonly port: PortSocket }
  | { readonly op: 'release'; readonly ports: readonly PortSocket[] }
  | { readonly op: 'guard'; readonly table: string }
  | { readonly op: 'keepOnly'; readonly containerIds: readonly string[]; readonly ports: readonly PortSocket[] };

export interface KeeperRequest {
  readonly id: number;
  readonly operation: KeeperOperation;
}

/** `failure`: a system call's, with its error number, where it was one. */
export type KeeperAnswer =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number;
      readonly failure: { readonly message: string; readonly errno?: number; readonly syscall?: string };
    };

/** The keeper's socket of an exec root. */
export const KEEPER_SOCKET = 'network.sock';
