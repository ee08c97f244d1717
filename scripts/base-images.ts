// Makes base images out of Debian packages, for machines that reach no registry of images:
//   npm run base-images [-- [--host unix:///run/wharf/wharf.sock] [--force] [busybox] [debian:bookworm] [debian:trixie]]
// `busybox` comes from the package busybox-static, `debian:*` from debootstrap. The archives are kept in
// /var/cache/wharf/base-images (WHARF_CACHE picks another folder), so that only the first run takes time.
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../src/core/errors.ts';
import { RECIPES } from './lib/base-image-recipes.ts';
import { run } from './lib/run.mjs';
import { done, fail, seconds, step } from './lib/say.mjs';
import { installPackages } from './lib/system-packages.mjs';

const wharf = fileURLToPath(new URL('../bin/wharf', import.meta.url));
const { values, positionals } = parseArgs({
  options: { host: { type: 'string' }, force: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(RECIPES);
const unknown = names.filter((name) => !(name in RECIPES));
if (unknown.length > 0) fail(`no recipe for ${unknown.join(', ')}`, `there are: ${Object.keys(RECIPES).join(', ')}`);
const env = { ...process.env, ...(values.host === undefined ? {} : { WHARF_HOST: values.host }) };

async function make(name: string): Promise<void> {
  const recipe = RECIPES[name];
  if (recipe === undefined) return;
  const begin = Date.now();
  if (!values.force && (await exists(name))) {
    done(`${name} is there`);
    return;
  }
  const tar = await recipe.archive(values.force);
  const changes = recipe.changes.flatMap((change) => ['--change', change]);
  await run(wharf, ['import', ...changes, '--message', recipe.message, tar, name], { env });
  done(`${name} (${seconds(Date.now() - begin)})`);
}

async function exists(name: string): Promise<boolean> {
  try {
    await run(wharf, ['image', 'inspect', name], { env });
    return true;
  } catch {
    return false;
  }
}

try {
  await installPackages('baseImages');
  step(`Base images: ${names.join(', ')}`);
  await Promise.all(names.map(make));
} catch (e) {
  fail(messageOf(e));
}
