import type { IncomingMessage } from 'node:http';
import { resumed } from './download.ts';
import { registryNotFound, registryRefused } from './errors.ts';
import { Http } from './http.ts';

/**
 * What is behind a URL (`docker import URL`): the daemon's proxies and certificates count, and a connection that breaks goes on
 * where it was. Nothing is asked before the first byte is wanted.
 * @throws {WharfError} `REGISTRY_UNREACHABLE`, `REGISTRY_NOT_FOUND`, `REGISTRY_REFUSED`
 */
export async function* fetchUrl(url: URL, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  using http = new Http({ verifyTls: true, registry: url.host });
  const from = async (start: number): Promise<IncomingMessage> => {
    const headers = { 'accept-encoding': 'identity', ...(start > 0 && { range: `bytes=${start}-` }) };
    const answer = await http.send(url.href, { headers, signal });
    const status = answer.statusCode ?? 0;
    if (status === 200 || (status === 206 && start > 0)) return answer;
    answer.resume();
    const why = `downloading ${url.origin}${url.pathname}: the server answers with status ${status}`;
    throw status === 404 ? registryNotFound({ why }) : registryRefused({ why });
  };
  yield* resumed(from, { what: `${url.origin}${url.pathname}`, signal });
}
