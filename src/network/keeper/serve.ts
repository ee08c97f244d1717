import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf, unreachable } from '../../core/errors.ts';
import { SystemCallError } from '../../linux/index.ts';
import { LocalKeeper } from './local.ts';
import { TableGuard } from './table-guard.ts';
import type { KeeperAnswer, KeeperOperation, KeeperRequest } from './protocol.ts';
import { KEEPER_SOCKET } from './protocol.ts';

/**
 * Keeps what the networks of an exec root need of a living process, in this one: for a program that outlives daemons, of which
 * there is one for each exec root. Resolves when daemons can reach it.
 */
export async function serveKeeper(execRoot: string): Promise<void> {
  const file = path.join(execRoot, KEEPER_SOCKET);
  rmSync(file, { force: true });
  const served: Served = { keeper: new LocalKeeper(), daemons: new Set(), table: undefined, guard: undefined };
  const server = createServer((socket) => converse(socket, served));
  const listening = once(server, 'listening');
  server.listen(file);
  await listening;
  process.once('exit', () => rmSync(file, { force: true }));
}

interface Served {
  readonly keeper: LocalKeeper;
  readonly daemons: Set<Socket>;
  /** To be guarded while there is no daemon. */
  table: string | undefined;
  guard: TableGuard | undefined;
}

function converse(socket: Socket, served: Served): void {
  const { keeper, daemons } = served;
  daemons.add(socket);
  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    daemons.delete(socket);
    if (daemons.size === 0 && served.table !== undefined) served.guard = guardOf(served.table);
  });
  served.guard?.[Symbol.dispose]();
  served.guard = undefined;
  const answer = (message: KeeperAnswer) => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
  };
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    const { id, operation } = JSON.parse(line) as KeeperRequest;
    if (operation.op === 'guard') served.table = operation.table;
    perform(keeper, operation).then(
      (result) => answer({ id, result: result ?? null }),
      (error: unknown) => {
        const facts = error instanceof SystemCallError ? { errno: error.errno, syscall: error.syscall } : {};
        answer({ id, failure: { message: messageOf(error), ...facts } });
      },
    );
  });
}

/** `undefined`: the daemon left no tables, so there is nothing to guard. */
function guardOf(table: string): TableGuard | undefined {
  try {
    return new TableGuard(table);
  } catch {
    return undefined;
  }
}

async function perform(keeper: LocalKeeper, operation: KeeperOperation): Promise<unknown> {
  switch (operation.op) {
    case 'putResolver':
      return keeper.putResolver(operation.state);
    case 'dropResolver':
      return keeper.dropResolver(operation.containerId);
    case 'hold':
      return keeper.hold(operation.port);
    case 'release':
      return keeper.release(operation.ports);
    case 'guard':
      return undefined;
    case 'keepOnly':
      return keeper.keepOnly(operation.containerIds, operation.ports);
    default:
      // Of a later daemon, which knows more.
      return unreachable(operation);
  }
}
