// Installs what is missing: system packages, npm packages with the pinned Node. Needs nothing but Node 18 and npm.
// node scripts/setup.mjs [--for-tests]
import { fetchCliPlugins } from './lib/cli-plugins.mjs';
import { fetchDockerCompose1 } from './lib/docker-compose-1.mjs';
import { fetchExamplePackages } from './lib/example-packages.mjs';
import { installNpmPackages } from './lib/npm-packages.mjs';
import { fail } from './lib/say.mjs';
import { fetchStockEngines, fetchStockPodman } from './lib/stock-engine.mjs';
import { installPackages } from './lib/system-packages.mjs';

try {
  const tests = process.argv.includes('--for-tests');
  await installPackages('engine', 'baseImages', ...(tests ? ['examples', 'clients'] : []));
  await installNpmPackages();
  if (tests) {
    await fetchCliPlugins();
    await fetchStockEngines();
    await fetchStockPodman();
    await fetchDockerCompose1();
    await fetchExamplePackages();
  }
} catch (e) {
  fail(e.message);
}
