import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI_PLUGINS } from '../../../scripts/lib/cli-plugins.mjs';
import { run } from '../../e2e/support/run.ts';
import { type ComparableImage, imageOf, type Reading } from './image.ts';

/** The docker CLI with buildx, at one engine. */
export interface Builder {
  /** `docker build` of a folder. @throws {assert.AssertionError} with all it said if it fails */
  build(name: string, context: string, args: readonly string[]): Promise<void>;
  image(name: string): Promise<ComparableImage>;
}

/** @param directory for the CLI's configuration */
export function builderAt(host: string, directory: string, reading: Reading): Builder {
  const config = join(directory, 'docker-config');
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [CLI_PLUGINS] }));
  const { DOCKER_BUILDKIT: _, ...rest } = process.env;
  const env = { ...rest, DOCKER_HOST: host, DOCKER_CONFIG: config, BUILDKIT_PROGRESS: 'plain' };
  return {
    build: async (name, context, args) => {
      const all = ['build', '--provenance=false', '-t', name, ...args, '.'];
      const built = await run('docker', all, { env, cwd: context, timeoutMs: 280_000 });
      assert.equal(built.code, 0, `${host}\n${built.stderr}`);
    },
    image: async (name) => {
      const save = spawn('docker', ['save', name], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(save, 'close');
      try {
        const image = await imageOf(save.stdout, reading);
        assert.deepEqual(await ended, [0, null]);
        return image;
      } finally {
        save.kill();
      }
    },
  };
}

/** Compares two images; of the files, only those that differ are told. */
export function assertAlike(ours: ComparableImage, theirs: ComparableImage): void {
  const { files: our, ...ourOwn } = ours;
  const { files: their, ...theirOwn } = theirs;
  const without = (some: readonly string[], others: readonly string[]) => {
    const known = new Set(others);
    return some.filter((line) => !known.has(line));
  };
  assert.deepEqual(ourOwn, theirOwn);
  assert.deepEqual({ ours: without(our, their), theirs: without(their, our) }, { ours: [], theirs: [] });
}
