import { Readable } from 'node:stream';
import type { RegistryAuth } from '../../../core/wire/resources.ts';
import { CODE, RpcError } from '../grpc/status.ts';
import {
  BytesMessage,
  CredentialsRequest,
  CredentialsResponse,
  GetSecretRequest,
  GetSecretResponse,
} from '../wire/messages.ts';
import type { Session } from './sessions.ts';

const SECRETS = '/moby.buildkit.secrets.v1.Secrets/GetSecret';
const CREDENTIALS = '/moby.filesync.v1.Auth/Credentials';
const UPLOAD = '/moby.upload.v1.Upload/Pull';

/** A `--secret` of the client's; `undefined`: it gave none of that name. @throws {RpcError} */
export async function askSecret(session: Session, id: string, signal: AbortSignal): Promise<Buffer | undefined> {
  if (!session.supports(SECRETS)) return undefined;
  try {
    const answer = await session.client.unary(SECRETS, [GetSecretRequest, GetSecretResponse], { id }, signal);
    return answer.data;
  } catch (e) {
    if (e instanceof RpcError && e.code === CODE.notFound) return undefined;
    throw e;
  }
}

/** What the client logs in to a registry with; `undefined`: it does not. @throws {RpcError} */
export async function askCredentials(
  session: Session,
  registry: string,
  signal: AbortSignal,
): Promise<RegistryAuth | undefined> {
  if (!session.supports(CREDENTIALS)) return undefined;
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const types = [CredentialsRequest, CredentialsResponse] as const;
  const { username, secret } = await session.client.unary(CREDENTIALS, types, { host }, signal);
  if (secret === '') return undefined;
  return username === '' ? { identitytoken: secret } : { username, password: secret };
}

/** Something that the client uploads, such as a context from its standard input. Failures are the stream's error. */
export function pullUpload(session: Session, url: URL, signal: AbortSignal): Readable {
  async function* bytes(): AsyncGenerator<Buffer, void, undefined> {
    using call = session.client.call(UPLOAD, { urlpath: url.pathname, urlhost: url.host }, signal);
    call.end();
    for await (const message of call.messages) yield BytesMessage.decode(message).data;
  }
  return Readable.from(bytes(), { objectMode: false });
}
