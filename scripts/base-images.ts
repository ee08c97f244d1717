// Makes base images out of Debian packages, for machines that reach no registry of images:
//   npm run base-images [-- [--host unix:///run/wharf/wharf.sock] [--force] [NAME...]]
// Without names: `busybox` from the package busybox-static, `debian:bookworm` and `debian:trixie` from debootstrap. By name
// also nginx, node:24, openjdk:17 and python:3.11, which are built on debian:bookworm. Archives are kept in
// /var/cache/wharf/base-images (WHARF_CACHE picks another folder), so that only the first run takes time.
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../src/core/errors.ts';
import { BUILT, type BuildRecipe, RECIPES } from './lib/base-image-recipes.ts';
import { run } from './lib/run.mjs';
import { done, fail, seconds, step } from './lib/say.mjs';
import { installPackages } from './lib/system-packages.mjs';

const wharf = fileURLToPath(new URL('../bin/wharf', import.meta.url));
const { values, positionals } = parseArgs({
  options: { host: { type: 'string' }, force: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(RECIPES);
const known = [...Object.keys(RECIPES), ...Object.keys(BUILT)];
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) fail(`no recipe for ${unknown.join(', ')}`, `there are: ${known.join(', ')}`);
const env = { ...process.env, ...(values.host === undefined ? {} : { WHARF_HOST: values.host }) };
/** Those being made or made; one that others are built on is made once. */
const making = new Map<string, Promise<void>>();

function make(name: string): Promise<void> {
  const made = making.get(name) ?? makeOnce(name);
  making.set(name, made);
  return made;
}

async function makeOnce(name: string): Promise<void> {
  const recipe = RECIPES[name];
  const built = BUILT[name];
  const begin = Date.now();
  if (!values.force && (await exists(name))) {
    done(`${name} is there`);
    return;
  }
  if (recipe !== undefined) {
    const tar = await recipe.archive(values.force);
    const changes = recipe.changes.flatMap((change) => ['--change', change]);
    await run(wharf, ['import', ...changes, '--message', recipe.message, tar, name], { env });
  } else if (built !== undefined && (values.force || !existsSync(built.saved))) await build(name, built);
  else if (built !== undefined) await run(wharf, ['load', '--quiet', '--input', built.saved], { env });
  done(`${name} (${seconds(Date.now() - begin)})`);
}

/** Builds it in the engine, and keeps what came of it. */
async function build(name: string, recipe: BuildRecipe): Promise<void> {
  await make(recipe.from);
  const work = mkdtempSync(join(dirname(recipe.saved), 'build.tmp-'));
  try {
    const contexts = await recipe.prepare(work);
    const named = contexts.flatMap((context) => ['--build-context', `${context}=${join(work, context)}`]);
    await run(wharf, ['build', '--quiet', '--tag', name, ...named, recipe.folder], { env });
    await run(wharf, ['save', '--output', join(work, 'saved'), name], { env });
    renameSync(join(work, 'saved'), recipe.saved);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
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
