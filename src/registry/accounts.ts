import { DEFAULT_REGISTRY } from '../core/reference.ts';
import type { RegistryAuth } from '../core/wire/resources.ts';
import { connectRegistry } from './client.ts';
import { type EndpointOptions, endpointsOf } from './endpoints.ts';
import { registryRefused, registryUnauthorized, registryUnreachable } from './errors.ts';
import { bodyOf, Http } from './http.ts';

type Options = EndpointOptions & { readonly auth: RegistryAuth | undefined; readonly signal: AbortSignal };

/**
 * Asks a registry whether it knows a user. Gives the token that may be kept instead of the password, empty if there is none.
 * @throws {WharfError} `REGISTRY_UNAUTHORIZED`, `REGISTRY_UNREACHABLE`
 */
export async function checkCredentials(registry: string, options: Options): Promise<string> {
  using client = await connectRegistry(registry, '', { ...options, actions: 'pull' });
  return await client.login();
}

interface Found {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated: boolean;
}

/** The search that Docker Hub has, and few others (version 1 of the protocol). */
export async function searchRegistry(
  registry: string,
  term: string,
  limit: number,
  options: Options,
): Promise<Found[]> {
  const bases =
    registry === DEFAULT_REGISTRY
      ? [{ base: 'https://index.docker.io', verifyTls: true }]
      : endpointsOf(registry, { ...options, registryMirrors: [] });
  let failure: unknown;
  for (const { base, verifyTls } of bases) {
    using http = new Http({ verifyTls, registry });
    try {
      const query = new URLSearchParams({ q: term, n: String(limit) });
      const answer = await http.send(`${base}/v1/search?${query.toString()}`, { signal: options.signal });
      const body = await bodyOf(answer);
      if (answer.statusCode === 401) throw registryUnauthorized({ why: 'unauthorized' });
      if (answer.statusCode !== 200 || !(answer.headers['content-type'] ?? '').includes('json')) {
        throw registryRefused({ why: `${registry} cannot be searched: unexpected status code ${answer.statusCode}` });
      }
      const { results } = JSON.parse(body.toString()) as { results?: Partial<Found>[] };
      return (results ?? []).map((r) => ({
        name: r.name ?? '',
        description: r.description ?? '',
        star_count: r.star_count ?? 0,
        is_official: r.is_official ?? false,
        is_automated: r.is_automated ?? false,
      }));
    } catch (e) {
      if (!registryUnreachable.is(e)) throw e;
      failure = e;
    }
  }
  throw failure;
}
