// Bundles the programs into dist/ (or the directory named), split so that each loads only what it uses. Run by `npm run build`.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = process.argv[2] ?? `${root}dist`;
const programs = ['wharf', 'wharfd', 'wharf-monitor', 'wharf-registry'];
const next = `${out}.new`;

rmSync(next, { recursive: true, force: true });
mkdirSync(next);
await build({
  entryPoints: {
    ...Object.fromEntries(programs.map((name) => [`main/${name}`, `${root}src/bin/${name}.ts`])),
    // The thread that unpacks layers; src/storage/layers/unpack-pool.ts looks for it here.
    'main/layer-thread': `${root}src/storage/layers/layer-thread.ts`,
    // The threads that read and copy files for builds; src/build/files/file-threads.ts looks for it here.
    'main/file-worker': `${root}src/build/files/file-worker.ts`,
    // The thread that carries bytes for published ports; src/network/keeper/pump-thread.ts looks for it here.
    'main/relay-pump': `${root}src/network/keeper/pump.ts`,
  },
  outdir: next,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['koffi'],
  sourcemap: 'linked',
  legalComments: 'none',
  minifySyntax: true,
  // Packages written for CommonJS call require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
// The compile cache must be on before the first import, hence an entry of its own.
for (const name of programs) {
  const cache = "new URL('./.compile-cache', import.meta.url).pathname";
  writeFileSync(
    `${next}/${name}.js`,
    `import { enableCompileCache } from 'node:module';\nenableCompileCache(${cache});\nawait import('./main/${name}.js');\n`,
  );
}
writeFileSync(`${next}/package.json`, '{"type":"module"}\n');
rmSync(out, { recursive: true, force: true });
renameSync(next, out);
