import { configChanges } from '../../build/index.ts';
import { invalidParameter } from '../../core/errors.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import { parseRegistryAuth, REGISTRY_AUTH } from '../decode/registry-auth.ts';
import type { Exchange } from '../http/exchange.ts';
import { created, ok, type Route } from '../http/route.ts';
import { streamProgress } from '../stream/progress.ts';
import { sendStream } from '../stream/send-stream.ts';

const TAR = { 'Content-Type': 'application/x-tar' };

export const imageTransferRoutes: readonly Route[] = [
  { method: 'POST', path: '/images/create', handle: pullOrImport },
  { method: 'POST', path: '/images/load', handle: load },
  { method: 'GET', path: '/images/get', handle: saveSeveral },
  { method: 'GET', path: '/images/:name+/get', handle: saveOne },
  { method: 'POST', path: '/images/:name+/push', handle: push },
  { method: 'GET', path: '/images/search', handle: search },
  { method: 'GET', path: '/distribution/:name+/json', handle: distribution },
  // Wharf's own: what "manifest push" needs.
  { method: 'POST', path: '/distribution/:name+/index', handle: pushIndex },
  { method: 'POST', path: '/auth', handle: login },
];

async function pullOrImport(exchange: Exchange) {
  const { query, engine, request } = exchange;
  const reference = query.text('fromImage');
  if (reference !== '') {
    const auth = parseRegistryAuth(request.headers['x-registry-auth']);
    const options = { tag: query.text('tag'), platform: query.text('platform') || undefined, auth };
    await streamProgress(exchange, (onMessage, signal) => engine.images.pull(reference, options, onMessage, signal));
    return undefined;
  }
  await importTar(exchange);
  return undefined;
}

async function importTar(exchange: Exchange): Promise<void> {
  const { query, engine, request } = exchange;
  const source = query.text('fromSrc');
  if (source === '') throw invalidParameter({ message: 'neither fromImage nor fromSrc is given: nothing to create' });
  // docker takes a name without a scheme for one of http.
  const address = source === '-' || source.includes('://') ? source : `http://${source}`;
  if (source !== '-' && (!URL.canParse(address) || !/^https?:/.test(address))) {
    throw invalidParameter({
      message: `"${source}" is no URL that can be imported from: http:// or https:// is expected`,
    });
  }
  await streamProgress(exchange, async (onMessage, signal) => {
    if (source !== '-') onMessage({ status: `Downloading from ${address}` });
    const id = await engine.images.import(
      source === '-' ? request : new URL(address),
      {
        repository: query.text('repo'),
        tag: query.text('tag'),
        message: query.text('message'),
        change: configChanges(query.all('changes')),
        platform: query.text('platform') || undefined,
      },
      signal,
    );
    onMessage({ status: id });
  });
}

async function load(exchange: Exchange) {
  const { query, engine, request } = exchange;
  const options = { quiet: query.flag('quiet') };
  const work = (onMessage: Parameters<typeof engine.images.load>[2], signal: AbortSignal) =>
    engine.images.load(request, options, onMessage, signal);
  await streamProgress(exchange, work, { always200: true });
  return undefined;
}

async function saveSeveral(exchange: Exchange) {
  const names = exchange.query.all('names').flatMap((text) => text.split(','));
  if (names.length === 0) throw invalidParameter({ message: 'no images given: names is empty' });
  return sendStream(exchange, await exchange.engine.images.save(names), TAR);
}

async function saveOne(exchange: Exchange) {
  return sendStream(exchange, await exchange.engine.images.save([exchange.param('name')]), TAR);
}

async function push(exchange: Exchange) {
  const { query, engine, request } = exchange;
  const auth = parseRegistryAuth(request.headers['x-registry-auth']);
  const name = exchange.param('name');
  const work = (onMessage: Parameters<typeof engine.images.push>[2], signal: AbortSignal) =>
    engine.images.push(name, { tag: query.text('tag'), auth }, onMessage, signal);
  await streamProgress(exchange, work);
  return undefined;
}

async function search({ query, engine, request, signal }: Exchange) {
  const auth = parseRegistryAuth(request.headers['x-registry-auth']);
  const limit = query.integer('limit') ?? 0;
  const found = { term: query.text('term'), limit, filters: query.filters(), auth };
  return ok(await engine.images.search(found, signal));
}

async function distribution(exchange: Exchange) {
  const { engine, request, signal } = exchange;
  const auth = parseRegistryAuth(request.headers['x-registry-auth']);
  return ok(await engine.images.inspectRemote(exchange.param('name'), auth, signal));
}

const INDEX = { struct: { Raw: 'text', MediaType: 'text', From: { map: 'text' } } } as const;

async function pushIndex(exchange: Exchange) {
  const { engine, request, signal } = exchange;
  const auth = parseRegistryAuth(request.headers['x-registry-auth']);
  const body = await exchange.json<{ Raw?: string; MediaType?: string; From?: Record<string, string> }>(INDEX);
  const index = {
    name: exchange.param('name'),
    bytes: Buffer.from(body?.Raw ?? '', 'base64'),
    mediaType: body?.MediaType ?? '',
    from: body?.From ?? {},
    auth,
  };
  return created({ Digest: await engine.images.pushIndex(index, signal) });
}

/** Credentials are tried at the registry they are for. */
async function login(exchange: Exchange) {
  const auth = await exchange.json<RegistryAuth>(REGISTRY_AUTH);
  const IdentityToken = await exchange.engine.images.tryLogin(auth ?? {}, exchange.signal);
  return ok({ Status: 'Login Succeeded', IdentityToken });
}
