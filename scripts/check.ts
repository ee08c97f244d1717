// Types, lint, format, dependency rules, unused code. Each is one line when it passes; its output is shown when it fails.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = `${root}node_modules/.bin`;
const node = process.execPath;
const CHECKS: readonly (readonly [name: string, ...command: string[]])[] = [
  ['types', `${bin}/tsc`, '--noEmit'],
  ['lint', `${bin}/oxlint`, '--type-aware', '--deny-warnings', 'src', 'test', 'bench', 'scripts'],
  ['format', `${bin}/biome`, 'format', '.'],
  [
    'dependency rules',
    node,
    '--import',
    `${root}scripts/lib/swc-using.mjs`,
    `${root}node_modules/dependency-cruiser/bin/dependency-cruiser.mjs`,
    '--config',
    '.dependency-cruiser.cjs',
    'src',
  ],
  ['unused code', node, `${root}node_modules/knip/bin/knip.js`, '--no-progress'],
];

let passed = 0;
for (const [name, command = '', ...args] of CHECKS) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
  const ok = result.status === 0;
  if (ok) passed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
  if (!ok) console.log(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd());
}
console.log(`${passed} passed, ${CHECKS.length - passed} failed`);
process.exitCode = passed === CHECKS.length ? 0 : 1;
