import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/core/log.ts';
import { passwordMatches } from '../../src/linux/index.ts';
import { type RegistryServerOptions, serveRegistry } from '../../src/registry/index.ts';

type Server = Awaited<ReturnType<typeof serveRegistry>>;

export const digestOf = (bytes: string | Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): string =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;

/** A registry in this process, on a free port and with a directory of its own. */
export async function withRegistry(
  body: (registry: RegistryLab) => Promise<void>,
  options: Partial<RegistryServerOptions> = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-registry-'));
  const lab = new RegistryLab(directory, options);
  await lab.start();
  try {
    await body(lab);
  } finally {
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

export class RegistryLab {
  readonly directory: string;
  readonly #options: Partial<RegistryServerOptions>;
  #server: Server | undefined;

  constructor(directory: string, options: Partial<RegistryServerOptions>) {
    this.directory = directory;
    this.#options = options;
  }

  get server(): Server {
    if (!this.#server) throw new Error('the registry is not running');
    return this.#server;
  }
  get host(): string {
    return new URL(this.server.url).host;
  }

  async start(): Promise<void> {
    this.#server = await serveRegistry({
      data: join(this.directory, 'data'),
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      htpasswd: undefined,
      verifyPassword: passwordMatches,
      proxy: undefined,
      readOnly: false,
      graceMs: 3_600_000,
      collectEveryMs: 0,
      log: silentLogger,
      ...this.#options,
    });
  }
  async stop(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** One request; `path` below `/v2/`, or an absolute one as a Location gives it. */
  async ask(
    method: string,
    path: string,
    options: { readonly headers?: Record<string, string>; readonly body?: string | Buffer } = {},
  ): Promise<Answer> {
    const url = new URL(path.startsWith('/') ? path : `/v2/${path}`, this.server.url);
    const request = { method, headers: options.headers ?? {}, rejectUnauthorized: false, agent: false } as const;
    const sent = url.protocol === 'https:' ? httpsRequest(url, request) : httpRequest(url, request);
    sent.end(options.body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const headers = new Headers(Object.entries(answer.headers).map(([key, value]) => [key, String(value)]));
    return { status: answer.statusCode ?? 0, headers, body: Buffer.concat((await answer.toArray()) as Buffer[]) };
  }

  /** Puts a blob into a repository and gives its digest. */
  async blob(repository: string, bytes: string | Buffer): Promise<string> {
    const digest = digestOf(bytes);
    const answer = await this.ask('POST', `${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
    if (answer.status === 202) {
      const place = answer.headers.get('location') ?? '';
      const done = await this.ask('PUT', `${place}?digest=${digest}`, { body: bytes });
      if (done.status !== 201) throw new Error(`PUT of a blob: ${done.status}`);
    } else if (answer.status !== 201) throw new Error(`POST of a blob: ${answer.status}`);
    return digest;
  }

  /** Pushes a small image of one layer under a tag. */
  async image(repository: string, tag: string, extra: Record<string, unknown> = {}): Promise<Pushed> {
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
    const layer = `layer of ${repository}:${tag}`;
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
      ...extra,
    });
    await this.blob(repository, config);
    const layerDigest = await this.blob(repository, layer);
    const answer = await this.ask('PUT', `${repository}/manifests/${tag}`, {
      headers: { 'content-type': OCI_MANIFEST },
      body: text,
    });
    if (answer.status !== 201) throw new Error(`PUT of a manifest: ${answer.status} ${answer.body.toString()}`);
    return { digest: digestOf(text), layerDigest, text, answer };
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}
interface Pushed {
  readonly digest: string;
  readonly layerDigest: string;
  readonly text: string;
  readonly answer: Answer;
}

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

export function descriptor(mediaType: string, bytes: string): Record<string, unknown> {
  return { mediaType, digest: digestOf(bytes), size: Buffer.byteLength(bytes) };
}
