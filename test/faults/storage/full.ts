import { existsSync } from 'node:fs';
import { storeDigest } from '../../e2e/support/store-digest.ts';
import { inLab, type Scenario, type StorageLab } from './lab.ts';

const COUNT = 'i=0; while :; do i=$((i+1)); echo line $i; usleep 5000; done';

/** No room on the disk: each command tells so in one line, the store is as it was, and all is well again when there is room. */
export const diskFull: Scenario = () =>
  inLab({ megabytes: 200 }, async (lab) => {
    await full(lab, { tight: () => lab.disk.fill(20), none: () => lab.disk.fill(0) });
  });

/** No inodes left: the same. */
export const inodes: Scenario = () =>
  inLab({ megabytes: 300, inodes: 8000 }, async (lab) => {
    await full(lab, { tight: () => lab.disk.fillInodes(500), none: () => lab.disk.fillInodes(0) });
  });

/** @param filling takes what there is: all but too little for a layer, or all */
async function full(lab: StorageLab, filling: { tight(): void; none(): void }): Promise<void> {
  const SPACE = /no space left on device/i;
  await lab.must('run', '-d', '--name', 'counter', '--restart', 'unless-stopped', 'busybox', 'sh', '-c', COUNT);
  await lab.must('volume', 'create', 'kept');
  const pid = await lab.must('inspect', '-f', '{{.State.Pid}}', 'counter');
  const context = lab.context('built', 30);

  filling.tight();
  const before = storeDigest(lab.daemon.dataRoot);
  await lab.refused(SPACE, 'pull', '-q', lab.pulled);
  if (storeDigest(lab.daemon.dataRoot) !== before) lab.fail('a pull that found no room has changed the store');
  await lab.refused(SPACE, 'build', '-q', '-t', 'built', context);

  filling.none();
  await lab.expect('ps');
  await lab.expect('logs', '--tail', '1', 'counter');
  await lab.refused(SPACE, 'pull', '-q', lab.pulled);
  // It may find a way, or tell.
  const ran = await lab.wharf('run', '--rm', 'busybox', 'echo', 'here');
  if (ran.code === 0 ? ran.stdout !== 'here\n' : !SPACE.test(ran.stderr))
    lab.fail(`run said: ${ran.stdout}${ran.stderr}`);
  const made = await lab.wharf('volume', 'create', 'another');
  if (made.code !== 0 && !SPACE.test(made.stderr)) lab.fail(`volume create said: ${made.stderr}`);
  await lab.daemon.crash();
  try {
    await lab.daemon.start();
  } catch (e) {
    lab.fail(`on a full disk the daemon does not come up: ${e instanceof Error ? e.message : String(e)}`);
    lab.disk.free();
    await lab.daemon.start();
  }
  if ((await lab.expect('inspect', '-f', '{{.State.Pid}}', 'counter')) !== pid)
    lab.fail('the container was not left alone');

  lab.disk.free();
  const last = await lab.expect('logs', '--tail', '1', 'counter');
  for (let waited = 0; (await lab.expect('logs', '--tail', '1', 'counter')) === last; waited++) {
    if (waited > 100) {
      lab.fail(`the log does not go on after "${last}"`);
      break;
    }
  }
  await lab.expect('pull', '-q', lab.pulled);
  if ((await lab.expect('run', '--rm', lab.pulled)) !== '7') lab.fail('the image that was pulled does not run');
  await lab.expect('build', '-q', '-t', 'built', context);
  await lab.expect('run', '--rm', '-v', 'kept:/kept', 'busybox', 'touch', '/kept/file');

  // Whoever finds the disk full ends the daemon, or makes room with it.
  filling.none();
  await lab.expect('rmi', '-f', 'built');
  filling.none();
  await lab.daemon.stop();
  if (existsSync(`/proc/${pid}`)) lab.fail('on a full disk the end of the daemon leaves containers running');
  lab.disk.free();
  await lab.daemon.start();
}
