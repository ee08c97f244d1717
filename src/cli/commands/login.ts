import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { messageOf } from '../../core/errors.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { configPath } from '../config/config-file.ts';
import { authKey, eraseAuth, saveAuth } from '../registry-auth.ts';

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
      if (options.passwordStdin)
        throw new ExitError('conflicting options: cannot specify both --password and --password-stdin', 1);
      if (options.password === '') throw new ExitError('password is empty', 1);
      context.warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    }
    if (options.passwordStdin && options.username === undefined) {
      throw new ExitError('the --password-stdin option requires --username to be set', 1);
    }
    const username = options.username ?? (await ask('Username: ', false, context));
    if (username === '') throw new ExitError('Error: Non-null Username Required', 1);
    let password = options.password;
    if (options.passwordStdin) password = (await text(context.stdin)).replace(/\r?\n$/, '');
    password ??= await ask('Password: ', true, context);
    if (options.passwordStdin && password === '') throw nonInteractive();
    if (password === '') throw new ExitError('Error: Password Required', 1);
    const body = { username, password, serveraddress: server };
    const answer = (await context.client.request('POST', '/auth', { body })) as {
      Status?: string;
      IdentityToken?: string;
    };
    const identitytoken = answer?.IdentityToken;
    const kept = await saveAuth(
      server,
      { username, password, ...(identitytoken ? { identitytoken } : {}) },
      context.env,
    );
    if (kept === 'file') {
      context.warn(
        `\nWARNING! Your credentials are stored unencrypted in '${configPath(context.env)}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n`,
      );
    }
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
    await context.print(`Removing login credentials for ${server}\n`);
    try {
      await eraseAuth(server, context.env);
    } catch (e) {
      context.warn(`WARNING: could not erase credentials:\n${server}: ${messageOf(e)}`);
    }
    return 0;
  },
});

function nonInteractive(): ExitError {
  return new ExitError('Error: Cannot perform an interactive login from a non TTY device', 1);
}

/** Asks on the terminal; a password is not shown while it is typed. Ctrl-C ends the program without a word, as it does docker. */
async function ask(question: string, secret: boolean, context: CommandContext): Promise<string> {
  if (context.stdin.isTTY !== true) throw nonInteractive();
  // Raw before the question is seen, so that nothing typed after it is shown.
  if (secret) context.stdin.setRawMode?.(true);
  const lines = createInterface({ input: context.stdin, terminal: secret });
  const left = Promise.withResolvers<string>();
  const leave = () => left.reject(new ExitError('', 0));
  using undo = new DisposableStack();
  undo.defer(() => lines.close());
  undo.defer(context.onSignals(['SIGINT'], leave));
  lines.once('SIGINT', leave).once('line', left.resolve);
  lines.once('close', () => left.resolve(''));
  await context.print(question);
  try {
    return (await left.promise).trim();
  } catch (e) {
    if (!secret) await context.print('\n');
    throw e;
  } finally {
    if (secret) await context.print('\n');
  }
}
