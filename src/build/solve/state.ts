import type { ChainId, Digest } from '../../core/digest.ts';
import { sha256 } from '../../core/digest.ts';
import type { ImageConfig, ImageRunConfig } from '../../core/oci.ts';
import type { Platform } from '../../core/platform.ts';
import type { Image } from '../../engine/index.ts';
import type { StageArgs } from '../graph/variables.ts';
import type { LayerResult, StepResult } from '../cache/cache.ts';
import type { BuildStyle } from '../contract.ts';
import { DEFAULT_PATH } from './config.ts';
import { BUILDKIT_COMMENT } from './history.ts';

/** Where a stage has got to: an image, though it has no name and the engine does not know it yet. */
export interface StageState {
  /** `undefined`: nothing yet (`FROM scratch`). */
  readonly id: Digest | undefined;
  readonly config: ImageConfig;
  /** Bottom first. */
  readonly chain: readonly ChainId[];
  /** By layer, the cache keys of the step that made it; none for layers of a base image. */
  readonly keys: readonly (readonly string[])[];
  readonly args: StageArgs;
  /** CMD was given in this stage, so that ENTRYPOINT keeps it. */
  readonly cmdSet: boolean;
}

export function runConfigOf(state: StageState): ImageRunConfig {
  return state.config.config ?? {};
}

export function topOf(state: StageState): ChainId | null {
  return state.chain.at(-1) ?? null;
}

export function scratchState(platform: Platform, args: StageArgs, style: BuildStyle): StageState {
  const config: ImageConfig = {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant ? { variant: platform.variant } : {}),
    config: { Env: [DEFAULT_PATH], ...(style === 'buildkit' ? { WorkingDir: '/' } : {}) },
    rootfs: { type: 'layers', diff_ids: [] },
    history: [],
  };
  return { id: undefined, config, chain: [], keys: [], args, cmdSet: false };
}

/** Where a stage begins that continues another one: it sees its arguments, though they are not its own. */
export function inheritedState(state: StageState): StageState {
  return { ...state, args: state.args.inherited(), cmdSet: false };
}

export function stateOfImage(image: Image, args: StageArgs, style: BuildStyle): StageState {
  const keys = image.chain.map(() => []);
  const state = { id: image.id, config: image.config, chain: image.chain, keys, args, cmdSet: false };
  const { Env: env } = image.config.config ?? {};
  if (style === 'classic' || env?.some((pair) => pair.startsWith('PATH='))) return state;
  const config = { ...image.config, config: { ...image.config.config, Env: [DEFAULT_PATH, ...(env ?? [])] } };
  return { ...state, config, id: idOf(config) };
}

/** The image after one more step. `createdAt` is RFC 3339. */
export function advance(
  state: StageState,
  change: { readonly config: ImageRunConfig; readonly author: string | undefined; readonly style: BuildStyle },
  { layer, createdBy }: LayerResult,
  createdAt: string,
): StepResult {
  const { architecture, os, variant, rootfs, history } = state.config;
  const author = change.author ?? state.config.author;
  return {
    config: {
      created: createdAt,
      ...(author === undefined ? {} : { author }),
      architecture,
      os,
      ...(variant === undefined ? {} : { variant }),
      config: change.config,
      rootfs: { type: 'layers', diff_ids: layer === null ? rootfs.diff_ids : [...rootfs.diff_ids, layer.diffId] },
      history: [
        ...(history ?? []),
        ...(createdBy === undefined
          ? []
          : [
              {
                created: createdAt,
                created_by: createdBy,
                ...(change.style === 'buildkit' ? { comment: BUILDKIT_COMMENT } : {}),
                ...(layer === null ? { empty_layer: true } : {}),
              },
            ]),
      ],
    },
    chain: layer === null ? state.chain : [...state.chain, layer.chainId],
  };
}

/** The ID that the engine gives an image of this config. */
export function idOf(config: ImageConfig): Digest {
  return sha256(JSON.stringify(config));
}
