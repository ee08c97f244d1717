import type { Reference } from '../../core/reference.ts';
import { familiar, familiarName } from '../../core/reference.ts';
import type { BuildRequest } from '../contract.ts';
import type { Session } from './session.ts';
import type { StageState } from './state.ts';
import { idOf } from './state.ts';

/** The result as `BUILDKIT_INLINE_CACHE` asks for it: it tells what its layers were made of, for `--cache-from` elsewhere. */
export function withInlineCache(result: StageState, { buildArgs }: BuildRequest): StageState {
  if (!/^(1|true)$/i.test(buildArgs['BUILDKIT_INLINE_CACHE'] ?? '')) return result;
  const config = { ...result.config, 'wharf.build.cache.v1': result.keys };
  return { ...result, config, id: idOf(config) };
}

/** Gives the result to the engine, under its names. A stage that is just its base image becomes no new one. */
export async function keepResult(
  result: StageState,
  tags: readonly Reference[],
  { parts, remote }: Session,
): Promise<string> {
  const { images } = parts.engine;
  const there = result.id === undefined ? undefined : images.find(result.id);
  if (there === undefined) {
    await remote.present(result.chain);
    const made = await images.create({ config: result.config, chain: result.chain, tags: tags.map(familiar) });
    return made.id;
  }
  for (const tag of tags) await images.tag(there.id, familiarName(tag), tag.tag ?? 'latest');
  return there.id;
}
