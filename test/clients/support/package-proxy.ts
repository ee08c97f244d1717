import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { EXAMPLE_PACKAGES, lockedPackages } from '../../../scripts/lib/example-packages.mjs';

/** Names that only the proxy knows, for NPM_CONFIG_REGISTRY and PIP_INDEX_URL. */
const NPM = 'npm.internal';
const PYPI = 'pypi.internal';
export const NPM_REGISTRY = `http://${NPM}/`;
export const PIP_INDEX = `http://${PYPI}/simple/`;
export const PIP_HOST = PYPI;

/** Packages are kept for the next run; nothing else is, as it changes. */
const KEPT = join(process.env['WHARF_CACHE'] ?? '/var/cache/wharf', 'debian-packages');

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

/**
 * An HTTP proxy that gives every client the same answers for as long as it lives: what it fetches, it fetches once. Debian's
 * archive comes from outside (packages from the disk, once they were fetched); npm's and Python's packages from those that
 * set-up has kept.
 * @returns what makes a server of it: one for each place to listen at
 */
export function packageProxy(): () => Server {
  const answers = new Map<string, Promise<Answer>>();
  const answerTo = (url: URL): Promise<Answer> => {
    const known = answers.get(url.href);
    if (known !== undefined) return known;
    const answer = answerOnce(url);
    answers.set(url.href, answer);
    // A failure is told to those who asked for it; who asks again may be luckier.
    answer.catch(() => answers.delete(url.href));
    return answer;
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    reply(request, response, answerTo).catch((e: unknown) => {
      if (!response.headersSent) response.writeHead(502, { 'content-type': 'text/plain' });
      response.end(`${request.url}: ${String(e)}\n`);
    });
  };
  return () => createServer(listener);
}

async function reply(request: IncomingMessage, response: ServerResponse, answerTo: (url: URL) => Promise<Answer>) {
  const { status, type, body } = await answerTo(
    new URL(request.url ?? '/', `http://${request.headers.host ?? 'none'}`),
  );
  response.writeHead(status, { 'content-type': type, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerOnce(url: URL): Promise<Answer> {
  if (url.hostname === NPM) return npmAnswer(url);
  if (url.hostname === PYPI) return pypiAnswer(url);
  const kept = join(KEPT, createHash('sha256').update(url.pathname).digest('hex'));
  // A file of the pool never changes under its name.
  const keeps = url.pathname.includes('/pool/') && url.pathname.endsWith('.deb');
  if (keeps && existsSync(kept)) return found('application/vnd.debian.binary-package', readFileSync(kept));
  const outside = await fetch(url);
  const body = Buffer.from(await outside.arrayBuffer());
  if (keeps && outside.ok) keep(kept, body);
  return { status: outside.status, type: outside.headers.get('content-type') ?? 'application/octet-stream', body };
}

function keep(path: string, body: Buffer): void {
  mkdirSync(KEPT, { recursive: true });
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temporary, body);
  renameSync(temporary, path);
}

/** `/NAME`: what the registry knows of a package, here the locked version; `/-/FILE`: its archive. */
function npmAnswer(url: URL): Answer {
  const path = decodeURIComponent(url.pathname).slice(1);
  if (path.startsWith('-/')) return file(join(EXAMPLE_PACKAGES, 'npm'), path.slice('-/'.length));
  const locked = lockedPackages().filter(({ name }) => name === path);
  const versions = locked.map((one) => {
    const { file: archive, integrity, ...manifest } = one;
    return [one.version, { ...manifest, dist: { tarball: `${NPM_REGISTRY}-/${archive}`, integrity } }] as const;
  });
  if (versions.length === 0) return missing;
  const latest = locked.at(-1)?.version;
  return json({ name: path, 'dist-tags': { latest }, versions: Object.fromEntries(versions) });
}

/** Python's "simple repository": a page of links for each project. */
function pypiAnswer(url: URL): Answer {
  const folder = join(EXAMPLE_PACKAGES, 'wheels');
  const [, first = '', second = ''] = url.pathname.split('/');
  if (first === 'wheels') return file(folder, second);
  const wheels = readdirSync(folder).filter((name) => name.toLowerCase().startsWith(`${second}-`));
  if (wheels.length === 0) return missing;
  return found('text/html', Buffer.from(wheels.map((name) => `<a href="/wheels/${name}">${name}</a>\n`).join('')));
}

const missing: Answer = { status: 404, type: 'text/plain', body: Buffer.from('not here\n') };

function file(folder: string, name: string): Answer {
  if (!readdirSync(folder).includes(name)) return missing;
  return found('application/octet-stream', readFileSync(join(folder, name)));
}

function json(value: unknown): Answer {
  return found('application/json', Buffer.from(JSON.stringify(value)));
}

function found(type: string, body: Buffer): Answer {
  return { status: 200, type, body };
}
