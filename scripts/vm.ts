// A command in a Debian 12 of its own, with cgroups of version 2: npm run vm -- [--bare] [--memory MiB] [COMMAND...]
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fail, step } from './lib/say.mjs';
import { installPackages } from './lib/system-packages.mjs';
import { machineImage } from './lib/vm/image.ts';
import { machineKernel } from './lib/vm/kernel.ts';
import { Machine } from './lib/vm/machine.ts';

const { values, positionals } = parsed();
const memoryMiB = Number(values.memory);
if (!Number.isInteger(memoryMiB) || memoryMiB < 256) fail(`--memory takes MiB from 256, not "${values.memory}"`);
if (process.getuid?.() !== 0) fail('a machine with a network of its own needs root', 'run this as root');

try {
  await installPackages('vm', 'baseImages');
  const kernel = await machineKernel();
  const image = await machineImage(values.bare ? 'bare' : 'tests');
  step('The machine');
  await using machine = await Machine.start({ kernel, image, memoryMiB });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void machine.cut().finally(() => process.exit(code)));
  }
  await machine.share(fileURLToPath(new URL('..', import.meta.url)), '/wharf');
  await machine.share(process.env['WHARF_CACHE'] ?? '/var/cache/wharf', '/var/cache/wharf');
  const words = positionals.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  const command = words.length === 0 ? 'exec bash -l' : words.join(' ');
  const { code } = await machine.shell(`cd /wharf && ${command}`, { show: true });
  process.exitCode = code;
} catch (e) {
  fail(e instanceof Error ? e.message : String(e));
}

function parsed() {
  // All after the first word that is no option belongs to the command.
  const mine = process.argv.slice(2);
  const at = mine.findIndex((word, i) => !word.startsWith('-') && mine[i - 1] !== '--memory');
  const options = at === -1 ? mine : mine.slice(0, at);
  try {
    const { values } = parseArgs({
      args: options,
      options: { bare: { type: 'boolean', default: false }, memory: { type: 'string', default: '2048' } },
    });
    return { values, positionals: at === -1 ? [] : mine.slice(at) };
  } catch (e) {
    return fail(e instanceof Error ? e.message : String(e));
  }
}
