import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';
import { withRegistry } from './registry-lab.ts';

test('the command line in a shell: completion, configuration, aliases, the names of docker', {
  timeout: 180_000,
}, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const home = join(daemon.directory, 'home');
    const config = join(home, '.docker');
    mkdirSync(config, { recursive: true });
    const { DOCKER_CONFIG: _, ...inherited } = daemon.env;
    const env: NodeJS.ProcessEnv = { ...inherited, HOME: home, SHELL: '/bin/bash' };
    const wharf = (args: readonly string[], input?: string, more: NodeJS.ProcessEnv = {}) =>
      run(wharfPath, args, { env: { ...env, ...more }, cwd: home, ...(input === undefined ? {} : { input }) });
    const configured = () => JSON.parse(readFileSync(join(config, 'config.json'), 'utf8')) as unknown;
    const configure = (value: object) => writeFileSync(join(config, 'config.json'), JSON.stringify(value));
    assert.equal((await wharf(['run', '-d', '--name', 'web', 'busybox', 'sleep', '1000'])).code, 0);

    await t.test('bash completes commands, flags, names and paths', async () => {
      writeFileSync(join(home, 'compose.yaml'), 'services: {app: {image: busybox}, db: {image: busybox}}\n');
      const completed = async (line: string) => {
        const script = `source <(${wharfPath} completion bash); wharf() { ${wharfPath} "$@"; }
          compopt() { :; }; COMP_LINE=$1; COMP_POINT=\${#1}; _wharf; printf '%s\\n' "\${COMPREPLY[@]}"`;
        const { stdout } = await run('bash', ['-c', script, 'bash', line], { env, cwd: home });
        return stdout.split('\n').filter(Boolean);
      };
      const cases: readonly (readonly [string, readonly string[]])[] = [
        ['wharf resta', ['restart']],
        ['wharf network disc', ['disconnect']],
        ['wharf exec ', ['web']],
        ['wharf exec web ', []],
        ['wharf run --network-al', ['--network-alias']],
        ['wharf run --network ', ['bridge', 'host', 'none']],
        ['wharf run --network=ho', ['host']],
        ['wharf run --rm busy', ['busybox']],
        ['wharf rmi busybox:', ['latest']],
        ['wharf run --restart un', ['unless-stopped']],
        ['wharf compose lo', ['logs']],
        ['wharf compose logs -f ', ['app', 'db']],
        ['wharf compose up --force', ['--force-recreate']],
        [`wharf -H ${daemon.host} stop `, ['web']],
        ['wharf -H unix:///nonexistent stop ', []],
        ['wharf ps -f status=ru', ['running']],
      ];
      for (const [line, wanted] of cases) assert.deepEqual((await completed(line)).toSorted(), wanted, line);
    });

    await t.test('zsh completes at a prompt', async () => {
      const folder = join(daemon.directory, 'zsh');
      mkdirSync(folder);
      const start = ['autoload -Uz compinit; compinit -u', 'PROMPT="ready> "', `source <(${wharfPath} completion zsh)`];
      writeFileSync(join(folder, '.zshrc'), `${start.join('\n')}\nwharf() { ${wharfPath} "$@" }\n`);
      const zsh = { ...env, ZDOTDIR: folder, TERM: 'dumb', PATH: `${join(wharfPath, '..')}:${env['PATH']}` };
      const child = spawn('script', ['-qec', 'zsh -i', '/dev/null'], { env: zsh, cwd: home });
      const cases = [
        ['wharf network disc\t', 'onnect '],
        ['wharf exec w\t', 'eb '],
        ['wharf run --restart un\t', 'less-stopped'],
        ['wharf cp w\t', 'eb:'],
      ] as const;
      let said = '';
      const appears = async (text: string) => {
        while (!said.includes(text)) {
          const [piece] = (await once(child.stdout, 'data')) as [Buffer];
          said += piece.toString();
        }
      };
      try {
        await appears('ready> ');
        for (const [typed, added] of cases) {
          said = '';
          child.stdin.write(typed);
          await appears(added);
          said = '';
          child.stdin.write('\x15'); // the line is taken back
        }
        child.stdin.write('\x15exit\n');
        await once(child, 'close');
      } finally {
        child.kill();
      }
    });

    await t.test('fish completes, and says what things are', async () => {
      const fish = { ...env, PATH: `${join(wharfPath, '..')}:${env['PATH']}` };
      const completed = async (line: string) => {
        const script = `wharf completion fish | source; complete -C "${line}"`;
        const { stdout } = await run('fish', ['-c', script], { env: fish, cwd: home });
        return stdout.split('\n').filter(Boolean);
      };
      assert.deepEqual(await completed('wharf resta'), ['restart\tRestart one or more containers']);
      assert.match((await completed('wharf stop w')).join(), /^web\tbusybox, Up/);
      assert.deepEqual(await completed('wharf run --network=ho'), ['--network=host\tnetwork, host']);
      assert.deepEqual(await completed('wharf ps --filter status=ru'), ['status=running']);
    });

    await t.test('config.json: formats, detach keys, proxies; what is unknown in it is kept', async () => {
      configure({
        psFormat: '{{.Names}}!',
        imagesFormat: '{{.Repository}}?',
        networksFormat: '{{.Name}}',
        proxies: { default: { httpProxy: 'http://proxy:3128', noProxy: 'localhost' } },
        mine: { kept: true },
      });
      assert.equal((await wharf(['ps'])).stdout, 'web!\n');
      assert.equal((await wharf(['images'])).stdout, 'busybox?\n');
      assert.equal((await wharf(['network', 'ls'])).stdout, 'bridge\nhost\nnone\n');
      const seen = await wharf(['run', '--rm', '-e', 'no_proxy=own', 'busybox', 'env']);
      const proxies = seen.stdout
        .split('\n')
        .filter((l) => /proxy/i.test(l))
        .toSorted();
      assert.deepEqual(proxies, [
        'HTTP_PROXY=http://proxy:3128',
        'NO_PROXY=localhost',
        'http_proxy=http://proxy:3128',
        'no_proxy=own',
      ]);
      await wharf(['context', 'create', 'other', '--docker', 'host=tcp://nowhere:1']);
      const used = await wharf(['context', 'use', 'other']);
      assert.equal(used.code, 0, used.stderr);
      const after = JSON.parse(readFileSync(join(config, 'config.json'), 'utf8')) as Record<string, unknown>;
      assert.deepEqual([after['mine'], after['currentContext']], [{ kept: true }, 'other']);
      writeFileSync(join(config, 'config.json'), '{');
      const broken = await wharf(['ps', '-q']);
      assert.equal(broken.code, 0);
      writeFileSync(join(config, 'config.json'), '{}');
    });

    await t.test('credentials go to the helper of their registry, and come from there', async () => {
      const bin = join(daemon.directory, 'helper-bin');
      const kept = join(daemon.directory, 'kept');
      mkdirSync(bin);
      const helper = `#!/bin/sh\ncase $1 in store) cat > ${kept};; get) [ -f ${kept} ] && cat ${kept} || { echo credentials not found in native keychain; exit 1; };; erase) rm -f ${kept};; esac\n`;
      writeFileSync(join(bin, 'docker-credential-test'), helper);
      chmodSync(join(bin, 'docker-credential-test'), 0o755);
      configure({ credHelpers: { 'registry.example': 'test' } });
      writeFileSync(kept, '{"ServerURL":"registry.example","Username":"me","Secret":"s3cret"}');
      const more = { PATH: `${bin}:${env['PATH']}` };
      const out = await wharf(['logout', 'registry.example'], undefined, more);
      assert.equal(out.stdout, 'Removing login credentials for registry.example\n');
      assert.equal(existsSync(kept), false);
      configure({ credsStore: 'test', mine: 1 });
      // The engine asks the registry, and there is none: what it says is said, and nothing is kept.
      const none = await wharf(['login', '-u', 'me', '--password-stdin', '127.0.0.1:1'], 's3cret\n', more);
      assert.equal(none.code, 1);
      assert.equal(existsSync(kept), false);
      const users = join(daemon.directory, 'users');
      writeFileSync(users, 'ann:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n');
      await withRegistry(
        async ({ host }) => {
          const login = (password: string) => wharf(['login', '-u', 'ann', '--password-stdin', host], password, more);
          assert.equal((await login('wrong')).code, 1);
          assert.deepEqual(await login('U*U'), { code: 0, stdout: 'Login Succeeded\n', stderr: '' });
          assert.deepEqual(JSON.parse(readFileSync(kept, 'utf8')), { ServerURL: host, Username: 'ann', Secret: 'U*U' });
          assert.deepEqual(configured(), { credsStore: 'test', mine: 1, auths: { [host]: {} } });
          await wharf(['tag', 'busybox', `${host}/mine`]);
          // What one of the two programs has kept serves the other.
          for (const client of [wharfPath, 'docker']) {
            const pushed = await run(client, ['push', '-q', `${host}/mine`], { env: { ...env, ...more } });
            assert.deepEqual(pushed, { code: 0, stdout: `${host}/mine:latest\n`, stderr: '' }, client);
          }
          assert.equal((await wharf(['logout', host], undefined, more)).code, 0);
          assert.deepEqual(configured(), { credsStore: 'test', mine: 1, auths: {} });
          assert.match((await wharf(['push', `${host}/mine`], undefined, more)).stderr, /no basic auth|unauthorized/i);
        },
        { htpasswd: users },
      );
      configure({});
    });

    await t.test('aliases come and go, and leave the rest of the file as it was', async () => {
      const file = join(home, '.bashrc');
      const mine = 'export X=1\nalias dco="my own"\n';
      writeFileSync(file, mine);
      assert.equal((await wharf(['alias', 'install'])).code, 0);
      const once = readFileSync(file, 'utf8');
      assert.match(once, /alias dcup='wharf compose up'/);
      assert.doesNotMatch(once, /alias dco='/);
      await wharf(['alias', 'install']);
      assert.equal(readFileSync(file, 'utf8'), once);
      await wharf(['alias', 'uninstall']);
      assert.equal(readFileSync(file, 'utf8'), mine);
    });

    await t.test('docker and docker-compose call us, until that is taken back', async () => {
      const folder = join(daemon.directory, 'shim');
      mkdirSync(folder);
      writeFileSync(join(folder, 'docker'), '#!/bin/sh\necho the former\n', { mode: 0o755 });
      const install = ['docker-shim', 'install', '--directory', folder];
      assert.match((await wharf(install)).stderr, /is there already; --force puts it aside/);
      assert.equal((await wharf([...install, '--force'])).code, 0);
      assert.match((await run(join(folder, 'docker'), ['ps'], { env })).stdout, /web/);
      assert.match((await run(join(folder, 'docker-compose'), ['version'], { env })).stdout, /Compose version/);
      assert.equal((await wharf(['docker-shim', 'uninstall', '--directory', folder])).code, 0);
      assert.equal((await run(join(folder, 'docker'), [])).stdout, 'the former\n');
      assert.equal(existsSync(join(folder, 'docker-compose')), false);
    });

    await t.test('doctor: what works here, and an engine that is not there', async () => {
      const outcome = await wharf(['doctor', '--format', 'json']);
      const findings = JSON.parse(outcome.stdout) as { state: string; subject: string }[];
      for (const subject of ['kernel', 'cgroups', 'runtimes', 'network', 'disk', 'clock', 'engine']) {
        assert.ok(
          findings.some((f) => f.subject === subject && f.state === 'ok'),
          subject,
        );
      }
      const gone = await wharf(['-H', 'unix:///nonexistent', 'doctor']);
      assert.equal(gone.code, 1);
      assert.match(gone.stdout, /FAIL {2}engine .*Cannot connect/);
      assert.match(gone.stdout, /wharfd --host unix:\/\/\/nonexistent/);
    });

    await t.test('names that are nearly right', async () => {
      assert.match((await wharf(['logs', 'wbe'])).stderr, /No such container: wbe\nDid you mean "web"\?\n/);
      assert.match((await wharf(['image', 'inspect', 'busibox'])).stderr, /Did you mean "busybox"\?/);
      assert.match((await wharf(['ps', '--al'])).stderr, /unknown flag: --al\nDid you mean --all\?/);
    });
  });
});
