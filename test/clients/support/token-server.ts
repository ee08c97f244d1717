import { randomUUID, sign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

interface TokenServerOptions {
  readonly issuer: string;
  readonly service: string;
  /** PEM, of an elliptic curve P-256. */
  readonly key: string;
  readonly cert: string;
  /** Passwords by user. */
  readonly users: Readonly<Record<string, string>>;
  /** What somebody may do in a repository; nobody is ''. */
  readonly allowed: (user: string, repository: string) => readonly string[];
}

/**
 * A token server as registries trust it (distribution's token specification): GET with basic credentials or none, POST with a
 * refresh token, JSON web tokens signed with ES256.
 */
export async function withTokenServer(
  options: TokenServerOptions,
  body: (server: { readonly realm: string; readonly asked: string[] }) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const refreshTokens = new Map<string, string>();
  const answerTo = async (request: IncomingMessage): Promise<object | undefined> => {
    const url = new URL(request.url ?? '/', 'http://token');
    const form = new URLSearchParams(Buffer.concat((await request.toArray()) as Buffer[]).toString());
    const post = request.method === 'POST';
    const user = post ? refreshTokens.get(form.get('refresh_token') ?? '') : userOf(request, options.users);
    const scopes = post ? (form.get('scope') ?? '').split(' ') : url.searchParams.getAll('scope');
    asked.push(`${request.method} ${user ?? 'REFUSED'} ${scopes.filter(Boolean).sort().join(' ')}`);
    if (user === undefined) return undefined;
    const access = scopes.flatMap((scope) => {
      const [type = '', name = '', actions = ''] = scope.split(':');
      const may = options.allowed(user, name);
      return type === 'repository' ? [{ type, name, actions: actions.split(',').filter((a) => may.includes(a)) }] : [];
    });
    const refresh = url.searchParams.get('offline_token') === 'true' && user !== '' ? randomUUID() : undefined;
    if (refresh !== undefined) refreshTokens.set(refresh, user);
    return { token: signed(options, user, access), expires_in: 300, ...(refresh && { refresh_token: refresh }) };
  };
  const server = createServer((request, response) => {
    answerTo(request).then(
      (document) => {
        response.writeHead(document ? 200 : 401, { 'content-type': 'application/json' });
        response.end(JSON.stringify(document ?? { errors: [{ code: 'UNAUTHORIZED', message: 'no' }] }));
      },
      (e: unknown) => response.destroy(e instanceof Error ? e : undefined),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await body({ realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** '' without credentials; `undefined` with wrong ones. */
function userOf({ headers }: IncomingMessage, users: Readonly<Record<string, string>>): string | undefined {
  const encoded = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return '';
  const [user = '', password = ''] = Buffer.from(encoded, 'base64').toString().split(':');
  return users[user] === password ? user : undefined;
}

function signed({ issuer, service, key, cert }: TokenServerOptions, subject: string, access: object[]): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = part({ typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(cert).raw.toString('base64')] });
  const times = { iat: now - 5, nbf: now - 5, exp: now + 300 };
  const claims = part({ iss: issuer, sub: subject, aud: service, jti: randomUUID(), ...times, access });
  const signature = sign('sha256', Buffer.from(`${header}.${claims}`), { key, dsaEncoding: 'ieee-p1363' });
  return `${header}.${claims}.${signature.toString('base64url')}`;
}
