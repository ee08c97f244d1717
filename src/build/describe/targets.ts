import type { BuildTargets } from '../../core/wire/build.ts';
import type { Dockerfile } from '../dockerfile/instructions.ts';
import type { DescribedSource } from './source.ts';

/** The stages that `--target` can name. */
export function describeTargets(file: Dockerfile, source: DescribedSource): BuildTargets {
  const targets = file.stages.map(({ name, from }, index) => ({
    name,
    default: index === file.stages.length - 1 ? (true as const) : undefined,
    description: name === undefined ? undefined : source.about(from, name),
    base: from.image,
    platform: from.platform,
    location: source.locationOf(from),
  }));
  return { targets, sources: [source.encoded] };
}
