import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { inLab, type Scenario, type StorageLab } from './lab.ts';

/** What clients were told is there, or is gone. */
interface Told {
  readonly there: Map<string, readonly string[]>;
  readonly gone: Map<string, readonly string[]>;
}

/** The power goes while clients are at work: the store opens again, and nothing that was acknowledged is lost. */
export const powerCut: Scenario = (random, rounds) =>
  inLab({ megabytes: 600 }, async (lab) => {
    for (let round = 1; round <= rounds && lab.broken.length === 0; round++) {
      const told: Told = { there: new Map(), gone: new Map() };
      // Not always all: what one of them brings to the disk covers what another one forgot.
      const kinds = [
        () => small(lab, told, round),
        () => builds(lab, told, round),
        () => pulls(lab, told),
        () => renames(lab, told, round),
      ];
      const working = kinds.slice(0, random.int(1, kinds.length)).map((start) => start());
      await wait(random.int(200, 6000));
      // Acknowledged is what was said before the power went.
      const promised = { there: new Map(told.there), gone: new Map(told.gone) };
      lab.disk.cutPower();
      await lab.daemon.crash();
      lab.killAll();
      await Promise.all(working);
      lab.disk.reboot();
      await lab.daemon.start();
      console.log(`  power cut ${round}: ${promised.there.size} things acknowledged, ${promised.gone.size} removed`);
      await check(lab, promised);
      await tidy(lab);
    }
  });

async function pulls(lab: StorageLab, told: Told): Promise<void> {
  for (let on = true; on; ) {
    told.gone.delete(lab.pulled);
    on = (await lab.wharf('pull', '-q', lab.pulled)).code === 0;
    if (on) told.there.set(lab.pulled, ['save', '-o', '/dev/null', lab.pulled]);
    await wait(300);
    told.there.delete(lab.pulled);
    on &&= (await lab.wharf('rmi', lab.pulled)).code === 0;
    if (on) told.gone.set(lab.pulled, ['image', 'inspect', lab.pulled]);
  }
}

async function builds(lab: StorageLab, told: Told, round: number): Promise<void> {
  const context = lab.context('built', 3);
  for (let n = 1, on = true; on; n++) {
    const tag = `built-${round}-${n}`;
    on = (await lab.wharf('build', '-q', '--no-cache', '-t', tag, context)).code === 0;
    if (on) told.there.set(tag, ['save', '-o', '/dev/null', tag]);
  }
}

async function small(lab: StorageLab, told: Told, round: number): Promise<void> {
  for (let n = 1, on = true; on; n++) {
    const name = `small-${round}-${n}`;
    const steps: readonly (readonly string[])[] = [
      ['volume', 'create', name],
      ['network', 'create', name],
      ['create', '--name', name, '-v', `${name}:/data`, 'busybox', 'echo', name],
      ['tag', 'busybox', `${name}:tag`],
    ];
    for (const words of steps) {
      on &&= (await lab.wharf(...words)).code === 0;
      const kind = { create: 'container', tag: 'image' }[words[0] ?? ''] ?? words[0] ?? '';
      if (on) told.there.set(`${kind} ${name}`, [kind, 'inspect', kind === 'image' ? `${name}:tag` : name]);
    }
  }
}

/** One container gets a new name again and again. */
async function renames(lab: StorageLab, told: Told, round: number): Promise<void> {
  let name = `renamed-${round}-0`;
  let on = (await lab.wharf('create', '--name', name, 'busybox', 'true')).code === 0;
  for (let n = 1; on; n++) {
    const next = `renamed-${round}-${n}`;
    told.there.delete('renamed');
    on = (await lab.wharf('rename', name, next)).code === 0;
    if (on) told.there.set('renamed', ['container', 'inspect', next]);
    name = next;
  }
}

async function check(lab: StorageLab, { there, gone }: Told): Promise<void> {
  for (const [what, words] of there) {
    const { code, stderr } = await lab.wharf(...words);
    if (code !== 0) lab.fail(`"${what}" was acknowledged and is lost: ${stderr.trim()}`);
  }
  for (const [what, words] of gone) {
    if ((await lab.wharf(...words)).code === 0) lab.fail(`"${what}" was removed and is back`);
  }
  // Whatever else is there must be whole.
  for (const id of new Set((await lab.expect('images', '-aq', '--no-trunc')).split('\n').filter(Boolean))) {
    await lab.expect('save', '-o', '/dev/null', id);
  }
  const left = readdirSync(join(lab.daemon.dataRoot, 'tmp'));
  if (left.length > 0) lab.fail(`left in tmp: ${left.join(', ')}`);
  if ((await lab.expect('run', '--rm', 'busybox', 'echo', 'here')) !== 'here') lab.fail('nothing runs any more');
}

async function tidy(lab: StorageLab): Promise<void> {
  const all = (await lab.expect('ps', '-aq')).split('\n').filter(Boolean);
  if (all.length > 0) await lab.expect('rm', '-f', ...all);
  for (const tag of (await lab.expect('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n')) {
    if (!/^busybox:latest$/.test(tag)) await lab.wharf('rmi', '-f', tag);
  }
  await lab.expect('system', 'prune', '-f'); // networks too
  await lab.expect('volume', 'prune', '-af');
}
