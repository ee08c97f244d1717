import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { authKey, configPath, readConfig } from '../registry-auth.ts';

export const login = command({
  usage: '[OPTIONS] [SERVER]',
  arity: arity.atMost(1),
  options: {
    password: flag.string('-p, --password', 'Password or Personal Access Token (PAT)'),
    passwordStdin: flag.bool('--password-stdin', 'Take the Password or Personal Access Token (PAT) from stdin'),
    username: flag.string('-u, --username', 'Username'),
  },
  async run({ args, options }, context) {
    const server = authKey(args[0] ?? '');
    if (options.password !== undefined) {
      if (options.passwordStdin) throw new ExitError('--password and --password-stdin are mutually exclusive', 1);
      context.warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    }
    if (options.passwordStdin && options.username === undefined) {
      throw new ExitError('the --password-stdin option requires --username', 1);
    }
    const username = options.username ?? (await ask('Username: ', false, context));
    let password = options.password;
    if (options.passwordStdin) password = (await text(context.stdin)).replace(/\r?\n$/, '');
    password ??= await ask('Password: ', true, context);
    if (username === '' || password === '') throw new ExitError('Error: Username and password are required', 1);
    const body = { username, password, serveraddress: server };
    const answer = (await context.client.request('POST', '/auth', { body })) as {
      Status?: string;
      IdentityToken?: string;
    };
    const config = await readConfig(context.env);
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    const entry = answer?.IdentityToken ? { auth: '', identitytoken: answer.IdentityToken } : { auth };
    await store({ ...config, auths: { ...config.auths, [server]: entry } }, context);
    context.warn(`\nWARNING! Your credentials are stored unencrypted in '${configPath(context.env)}'.\n`);
    await context.print(`${answer?.Status ?? 'Login Succeeded'}\n`);
    return 0;
  },
});

export const logout = command({
  usage: '[SERVER]',
  arity: arity.atMost(1),
  options: {},
  async run({ args }, context) {
    const server = authKey(args[0] ?? '');
    const config = await readConfig(context.env);
    const kept = Object.entries(config.auths ?? {}).filter(([key]) => authKey(key) !== server);
    if (kept.length === Object.keys(config.auths ?? {}).length) {
      await context.print(`Not logged in to ${server}\n`);
      return 0;
    }
    await context.print(`Removing login credentials for ${server}\n`);
    await store({ ...config, auths: Object.fromEntries(kept) }, context);
    return 0;
  },
});

async function store(config: object, context: CommandContext): Promise<void> {
  const path = configPath(context.env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, `${JSON.stringify(config, null, '\t')}\n`, { mode: 0o600 });
  await rename(partial, path);
}

/** Asks on the terminal; a password is not shown while it is typed. */
async function ask(question: string, secret: boolean, context: CommandContext): Promise<string> {
  if (context.stdin.isTTY !== true)
    throw new ExitError('Error: Cannot perform an interactive login from a non TTY device', 1);
  await context.print(question);
  const lines = createInterface({
    input: context.stdin,
    terminal: true,
    ...(secret ? {} : { output: context.stdout }),
  });
  try {
    for await (const line of lines) return line.trim();
    return '';
  } finally {
    lines.close();
    if (secret) await context.print('\n');
  }
}
