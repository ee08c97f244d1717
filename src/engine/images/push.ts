import type { ProgressMessage, RegistryAuth } from '../../core/wire/resources.ts';
import { notPushed } from './errors.ts';
import type { TransferParts } from './pull.ts';

export async function pushImage(
  _parts: TransferParts,
  request: { readonly name: string; readonly tag: string; readonly auth: RegistryAuth | undefined },
  _onMessage: (m: ProgressMessage) => void,
  _signal: AbortSignal,
): Promise<void> {
  throw notPushed({ why: `An image does not exist locally with the tag: ${request.name}` });
}
