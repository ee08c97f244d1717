import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RECIPES } from '../scripts/lib/base-image-recipes.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { wharfPath } from './installed.ts';

const CACHE = join(process.env['WHARF_CACHE'] ?? '/var/cache/wharf', 'bench', 'large-image-1');
const BASE = 'debian:bookworm';
const NPM_FILES = 1_200;
const LARGE = 5 * 1024 * 1024;
const DOCKERFILE = `FROM ${BASE}
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y mariadb-server && rm -rf /var/lib/apt/lists/*
RUN apt-get update && apt-get install -y nginx && rm -rf /var/lib/apt/lists/*
COPY node_modules /srv/app/node_modules
`;

/** A layer as registries have it. */
export interface PackedLayer {
  /** gzip of its default level, as images on public registries have it. */
  readonly file: string;
  readonly digest: string;
  readonly diffId: string;
  readonly sizeBytes: number;
}

/**
 * An image of 900 MB in four layers, from the lowest: Debian, MariaDB, nginx, 1,200 files of npm with some large programs. It is
 * built once, from Debian's packages, and kept in the cache.
 */
export async function largeImage(daemon: TestDaemon): Promise<readonly PackedLayer[]> {
  if (!existsSync(CACHE)) await build(daemon);
  return JSON.parse(readFileSync(join(CACHE, 'layers.json'), 'utf8')).map((layer: PackedLayer) => ({
    ...layer,
    file: join(CACHE, layer.file),
  }));
}

async function build(daemon: TestDaemon): Promise<void> {
  console.log('building the large image; it is kept for the next time');
  mkdirSync(dirname(CACHE), { recursive: true });
  const work = mkdtempSync(`${CACHE}-`);
  try {
    const wharf = (...args: string[]): void => {
      execFileSync(wharfPath, args, { env: daemon.env, stdio: ['ignore', 'ignore', 'inherit'] });
    };
    const recipe = RECIPES[BASE];
    if (recipe === undefined) throw new Error(`no recipe for ${BASE}`);
    wharf('import', await recipe.archive(false), BASE);
    const context = join(work, 'context');
    copyNpmFiles(join(context, 'node_modules'));
    writeFileSync(join(context, 'Dockerfile'), DOCKERFILE);
    wharf('build', '-q', '-t', 'bench-large', context);
    rmSync(context, { recursive: true });
    wharf('save', '-o', join(work, 'image.tar'), 'bench-large');
    const image = join(work, 'image');
    mkdirSync(image);
    execFileSync('tar', ['-xf', join(work, 'image.tar'), '-C', image]);
    rmSync(join(work, 'image.tar'));
    const [{ Layers }] = JSON.parse(readFileSync(join(image, 'manifest.json'), 'utf8')) as [{ Layers: string[] }];
    const layers = Layers.map((layer, i) => {
      const [from, to] = [join(image, layer), join(work, `${i}.gz`)];
      execFileSync('sh', ['-c', 'gzip -dcf "$1" | gzip > "$2"', 'sh', from, to]); // archives have layers plain or compressed
      return { ...packedLayer(to), file: `${i}.gz` };
    });
    rmSync(image, { recursive: true });
    writeFileSync(join(work, 'layers.json'), JSON.stringify(layers));
    wharf('rmi', '-f', 'bench-large', BASE);
    wharf('builder', 'prune', '-af');
    renameSync(work, CACHE);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Programs that are large, all but one of the two largest, and other files in the order of their names. */
function copyNpmFiles(to: string): void {
  const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
  const files = globSync('**', { cwd: modules, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(modules.length + 1))
    .filter((path) => !path.startsWith('@biomejs/'))
    .sort();
  const isLarge = (path: string): boolean => statSync(join(modules, path)).size >= LARGE;
  const large = files.filter(isLarge);
  const others = files.filter((path) => !large.includes(path)).slice(0, NPM_FILES - large.length);
  for (const path of [...large, ...others]) cpSync(join(modules, path), join(to, path));
}

/** What registries say of a layer that is in this file. */
export function packedLayer(file: string): PackedLayer {
  const diffId = execFileSync('sh', ['-c', 'zcat "$1" | sha256sum', 'sh', file]).toString().slice(0, 64);
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  return { file, digest: `sha256:${digest}`, diffId: `sha256:${diffId}`, sizeBytes: statSync(file).size };
}
