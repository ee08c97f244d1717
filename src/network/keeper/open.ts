import { errnoOf, messageOf } from '../../core/errors.ts';
import type { NetworksOptions } from '../contract.ts';
import type { Keeper } from './contract.ts';
import { LocalKeeper } from './local.ts';
import { RemoteKeeper } from './remote.ts';

/** The keeper of an exec root. What a daemon of before left running may have no keeper: its work is done here then, until it is replaced. */
export async function openKeeper({ execRoot, hasKeeper = false, log }: NetworksOptions): Promise<Keeper> {
  if (!hasKeeper) return new LocalKeeper();
  try {
    return await RemoteKeeper.connect(execRoot, log);
  } catch (error) {
    if (!['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '')) throw error;
    log.warn('nobody keeps the sockets of containers while there is no daemon', { error: messageOf(error) });
    return new LocalKeeper();
  }
}
