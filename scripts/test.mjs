// Everything that must pass: node scripts/test.mjs [check|unit|e2e|clients|mapped]... ; all of them without an argument.
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI_PLUGINS } from './lib/cli-plugins.mjs';
import { pinnedNode, root } from './lib/node.mjs';
import { done, seconds, step } from './lib/say.mjs';
import { run } from './lib/run.mjs';

const SUITES = {
  unit: { patterns: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/fuzz/**/*.test.ts'], concurrency: 2 },
  // One after another: each counts what the kernel holds before and after.
  e2e: { patterns: ['test/e2e/**/*.test.ts'], concurrency: 1 },
  clients: { patterns: ['test/clients/**/*.test.ts'], concurrency: 1 },
  // What holds for containers holds with mapped users as well: a part of the suite once more.
  mapped: {
    patterns: ['engine-life', 'volumes-binds', 'crash', 'compose-keys', 'build-language', 'compose-run'].map(
      (name) => `test/e2e/${name}.test.ts`,
    ),
    concurrency: 1,
    env: { WHARF_TEST_USERNS: 'default' },
  },
};
// A docker CLI of the machine's own comes first.
process.env.PATH = `${process.env.PATH}:${CLI_PLUGINS}`;
const asked = process.argv.slice(2);
const wanted = asked.length > 0 ? asked : ['check', ...Object.keys(SUITES)];
const begin = Date.now();
let passed = 0;
let failed = 0;

await run(process.execPath, [`${root}/scripts/setup.mjs`, '--for-tests'], { show: true });
const node = pinnedNode();
await run(node, [`${root}/scripts/bundle.ts`], { cwd: root });

for (const name of wanted) {
  const start = Date.now();
  step(name);
  const result = name === 'check' ? await check() : await suite(name, SUITES[name]);
  passed += result.passed;
  failed += result.failed;
  done(`${name}: ${result.passed} passed, ${result.failed} failed in ${seconds(Date.now() - start)}`);
}
console.log(`in ${seconds(Date.now() - begin)}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

async function check() {
  const text = await tee(node, ['--disable-warning=ExperimentalWarning', `${root}/scripts/check.ts`]);
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(text);
  return counts ? { passed: Number(counts[1]), failed: Number(counts[2]) } : { passed: 0, failed: 1 };
}

/** Runs one suite with node's own runner; counts come from its TAP report, so that a crash of a file counts as a failure. */
async function suite(name, definition) {
  if (definition === undefined)
    throw new Error(`unknown suite "${name}": expected check, ${Object.keys(SUITES).join(', ')}`);
  const report = mkdtempSync(join(tmpdir(), 'wharf-report-'));
  const tap = join(report, 'tap');
  const files = await testFiles(definition.patterns);
  if (files.length === 0) return { passed: 0, failed: 0 };
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--test',
    `--test-concurrency=${definition.concurrency}`,
    '--test-timeout=300000',
  ];
  args.push('--test-reporter=dot', '--test-reporter-destination=stdout');
  args.push('--test-reporter=tap', `--test-reporter-destination=${tap}`, ...files);
  const ended = await status(node, args, { ...process.env, ...definition.env });
  const text = readFileSync(tap, 'utf8');
  rmSync(report, { recursive: true });
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  const lost = count('fail') + count('cancelled');
  if (lost > 0 || ended !== 0) console.log(failures(text));
  for (const line of text.matchAll(/^\s*ok .* # (SKIP|TODO).*$/gm)) console.log(`    not run: ${line[0].trim()}`);
  return { passed: count('pass'), failed: Math.max(lost, ended === 0 ? 0 : 1) };
}

/** With a Node too old for globSync, the pinned one lists the files. */
async function testFiles(patterns) {
  if (typeof fs.globSync === 'function')
    return patterns
      .flatMap((p) => fs.globSync(p, { cwd: root }))
      .map((f) => join(root, f))
      .sort();
  const code = `const{globSync}=require('node:fs');console.log(JSON.stringify(${JSON.stringify(patterns)}.flatMap(p=>globSync(p,{cwd:${JSON.stringify(root)}}))))`;
  return JSON.parse(await run(node, ['-e', code]))
    .map((f) => join(root, f))
    .sort();
}

/** The parts of a TAP report that tell of failures. */
function failures(text) {
  const out = [];
  let printing = 0;
  for (const line of text.split('\n')) {
    if (/^\s*not ok /.test(line)) printing = 60;
    else if (/^\s*ok /.test(line)) printing = 0;
    if (printing-- > 0) out.push(line);
  }
  return out.slice(0, 400).join('\n');
}

function status(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', () => resolve(1));
    child.once('close', (code) => resolve(code ?? 1));
  });
}

function tee(command, args) {
  return new Promise((resolve) => {
    let text = '';
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (d) => {
      text += d;
      process.stdout.write(d);
    });
    child.once('error', (e) => resolve(e.message));
    child.once('close', () => resolve(text));
  });
}
