import { inLab, type Scenario } from './lab.ts';

/** The disk gives errors and can only be read: commands tell so, containers run on, and after a repair all is as it was. */
export const readOnly: Scenario = () =>
  inLab({ megabytes: 200 }, async (lab) => {
    const READ_ONLY = /read-only file system|readonly database|input\/output error|disk I\/O error/i;
    await lab.must('pull', '-q', lab.pulled);
    await lab.must('run', '-d', '--name', 'sleeper', 'busybox', 'sleep', '1000000');
    await lab.must('volume', 'create', 'kept');
    const images = await lab.must('images', '-q', '--no-trunc');
    lab.disk.becomeReadOnly();
    await lab.refused(READ_ONLY, 'volume', 'create', 'another');
    await lab.refused(READ_ONLY, 'create', '--name', 'never', 'busybox');
    await lab.refused(READ_ONLY, 'tag', 'busybox', 'never');
    await lab.refused(READ_ONLY, 'build', '-q', lab.context('built', 1));
    if (!(await lab.expect('ps')).includes('sleeper')) lab.fail('ps does not show what runs');
    if ((await lab.expect('exec', 'sleeper', 'echo', 'here')) !== 'here') lab.fail('exec does not work any more');
    if ((await lab.expect('images', '-q', '--no-trunc')) !== images) lab.fail('images are not listed any more');

    await lab.wharf('kill', 'sleeper');
    await lab.daemon.stop();
    lab.killAll();
    lab.disk.reboot({ repair: true });
    await lab.daemon.start();
    if ((await lab.expect('images', '-q', '--no-trunc')) !== images) lab.fail('images are not what they were');
    if ((await lab.expect('run', '--rm', lab.pulled)) !== '7') lab.fail('the image does not run any more');
    await lab.expect('volume', 'inspect', 'kept');
    await lab.expect('start', 'sleeper');
  });
