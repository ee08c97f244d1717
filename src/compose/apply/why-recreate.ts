import type { Client } from '../../client/index.ts';
import { differences } from '../plan/differences.ts';
import { CONFIGURATION_CHANGED } from '../plan/plan-up.ts';
import type { CreateFacts } from './create-container.ts';
import { requestOf } from './create-container.ts';

/** Reasons for a new container; that its configuration changed is told value by value, as far as the engine shows them. */
export async function whyInWords(
  client: Client,
  wanted: CreateFacts,
  container: string,
  because: readonly string[],
): Promise<readonly string[]> {
  if (!because.includes(CONFIGURATION_CHANGED)) return because;
  try {
    const [now, request] = await Promise.all([client.containers.inspect(container), requestOf(client, wanted)]);
    const image = await client.images.inspect(now.Image);
    const found = differences(now, request, image).map(({ path, was, is }) => `${path} changed from ${was} to ${is}`);
    return found.length === 0 ? because : [...because.filter((b) => b !== CONFIGURATION_CHANGED), ...found];
  } catch {
    // An explanation is not worth a failure; the container is replaced all the same.
    return because;
  }
}
