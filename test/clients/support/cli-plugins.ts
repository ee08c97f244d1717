import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI_PLUGINS } from '../../../scripts/lib/cli-plugins.mjs';
import type { TestDaemon } from '../../e2e/support/daemon.ts';

/**
 * The environment in which the docker CLI finds its buildx and compose plugins. Set-up fetches them
 * (`node scripts/setup.mjs --for-tests`); without them a test fails.
 */
export function withPlugins(daemon: TestDaemon, variables: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  for (const name of ['docker-buildx', 'docker-compose']) {
    assert.ok(
      existsSync(join(CLI_PLUGINS, name)),
      `${name} is not in ${CLI_PLUGINS}: run node scripts/setup.mjs --for-tests`,
    );
  }
  const config = join(daemon.directory, 'docker-config');
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [CLI_PLUGINS] }));
  const { DOCKER_BUILDKIT: _, ...env } = daemon.env;
  return { ...env, DOCKER_CONFIG: config, ...variables };
}
