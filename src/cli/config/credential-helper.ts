import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { errnoOf } from '../../core/errors.ts';

/** What `docker-credential-NAME get` answers. */
interface Secret {
  readonly ServerURL?: string;
  readonly Username?: string;
  readonly Secret?: string;
}

/** The credentials that a helper keeps for a server; `undefined` if it has none. @throws {Error} in its own words */
export async function getSecret(helper: string, server: string): Promise<Secret | undefined> {
  const answer = await call(helper, 'get', server);
  if (answer.code === 0) return JSON.parse(answer.out) as Secret;
  if (/credentials not found in native keychain/.test(answer.out)) return undefined;
  throw failure(helper, answer.out);
}

/** All servers that a helper has credentials for, with their user names. */
export async function listSecrets(helper: string): Promise<Readonly<Record<string, string>>> {
  const answer = await call(helper, 'list', 'unused');
  if (answer.code !== 0) throw failure(helper, answer.out);
  return JSON.parse(answer.out || '{}') as Record<string, string>;
}

/** Gives a helper credentials to keep; the user name `<token>` marks an identity token. */
export async function storeSecret(helper: string, server: string, username: string, secret: string): Promise<void> {
  const request = JSON.stringify({ ServerURL: server, Username: username, Secret: secret });
  const answer = await call(helper, 'store', request);
  if (answer.code !== 0) throw failure(helper, answer.out);
}

/** Success means that the helper has none for that server. */
export async function eraseSecret(helper: string, server: string): Promise<void> {
  const answer = await call(helper, 'erase', server);
  if (answer.code !== 0 && !/credentials not found/.test(answer.out)) throw failure(helper, answer.out);
}

function failure(helper: string, out: string): Error {
  return new Error(`error getting credentials - err: docker-credential-${helper}: ${out.trim() || 'it said nothing'}`);
}

/** The protocol: the request on stdin, the answer (or the reason of a failure) on stdout. */
async function call(helper: string, verb: string, input: string): Promise<{ code: number; out: string }> {
  const program = `docker-credential-${helper}`;
  const child = spawn(program, [verb], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (e) => {
      const why = errnoOf(e) === 'ENOENT' ? `"${program}" is not in your PATH` : e.message;
      reject(new Error(`error getting credentials - err: exec: ${why}`, { cause: e }));
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
  child.stdin.on('error', () => undefined); // it need not read what it is told
  child.stdin.end(input);
  const [code, out] = await Promise.all([ended, text(child.stdout)]);
  return { code, out: out.trim() };
}
