import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';
import { type ContextSide, directoryContext } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import { ExitError } from '../errors.ts';
import { csvFields } from '../spec/csv.ts';

/**
 * What goes to the engine beside the context: secrets, and the directories of `--build-context`.
 * @returns also fields of `X-Wharf-Build`
 * @throws {ExitError} at values that cannot be read
 */
export async function sideOf(
  given: {
    readonly secrets: readonly string[];
    readonly contexts: readonly string[];
    /** Other directories, by name. */
    readonly directories: Readonly<Record<string, string>>;
  },
  surroundings: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string },
): Promise<{ readonly side: ContextSide | undefined; readonly extras: Readonly<Record<string, unknown>> }> {
  const secrets = await Promise.all(given.secrets.map((text) => readSecret(text, surroundings)));
  const namedContexts: Record<string, string> = {};
  const directories: Record<string, string> = { ...given.directories };
  for (const text of given.contexts) {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new ExitError(`invalid context value: ${text}, expected key=value`, 1);
    }
    if (/^(https?|git|oci-layout|target|ssh):/.test(value) || value.startsWith('git@')) {
      throw new ExitError(`--build-context ${text}: only directories and docker-image://REFERENCE are supported`, 1);
    }
    if (value.startsWith('docker-image://')) namedContexts[name] = value;
    else directories[name] = resolve(surroundings.cwd, value);
  }
  const extras = { namedContexts };
  if (secrets.length === 0 && Object.keys(directories).length === 0) return { side: undefined, extras };
  const name = `.wharf-${randomBytes(8).toString('hex')}`;
  async function* beforeTar(whole: boolean): AsyncGenerator<Buffer> {
    yield* withoutEnd(secretsTar(name, secrets));
    if (!whole) return;
    for (const [key, path] of Object.entries(directories)) {
      yield* withoutEnd(directoryTar(`${name}/contexts/${key}`, path));
    }
  }
  return { side: { name, directories, beforeTar }, extras };
}

interface Secret {
  readonly id: string;
  readonly value: Buffer;
}

/** `id=NAME[,src=FILE|,env=VARIABLE]`; without either the variable of that name, else the file. */
async function readSecret(
  text: string,
  { env, cwd }: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string },
): Promise<Secret> {
  const fields = new Map(
    csvFields(text).map((field) => {
      const equals = field.indexOf('=');
      return equals < 0 ? [field, ''] : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    }),
  );
  const id = fields.get('id');
  if (id === undefined || id === '') throw new ExitError(`invalid secret ${JSON.stringify(text)}: id is missing`, 1);
  const file = fields.get('src') ?? fields.get('source');
  const variable = fields.get('env') ?? (file === undefined && env[id] !== undefined ? id : undefined);
  if (variable !== undefined) {
    const value = env[variable];
    if (value === undefined) throw new ExitError(`secret ${id}: the environment variable ${variable} is not set`, 1);
    return { id, value: Buffer.from(value) };
  }
  try {
    return { id, value: await readFile(resolve(cwd, file ?? id)) };
  } catch (e) {
    throw new ExitError(`secret ${id}: ${messageOf(e)}`, 1, e);
  }
}

function secretsTar(side: string, secrets: readonly Secret[]): AsyncIterable<Buffer> {
  const tar = pack();
  tar.entry({ name: `${side}/secrets/`, type: 'directory', mode: 0o700 });
  for (const { id, value } of secrets) {
    tar.entry({ name: `${side}/secrets/${encodeURIComponent(id)}`, mode: 0o600 }, value);
  }
  tar.finalize();
  return tar as AsyncIterable<Buffer>;
}

/** A directory with its own `.dockerignore` obeyed, below `prefix`. */
async function* directoryTar(prefix: string, directory: string): AsyncGenerator<Buffer> {
  const temporary = await mkdtemp(join(tmpdir(), 'wharf-context-'));
  try {
    // The packer wants a Dockerfile: it gets an empty one from elsewhere, which is left out here.
    const none = join(temporary, 'none');
    await writeFile(none, '');
    const context = await directoryContext({ directory, dockerfile: none });
    const tar = pack();
    const entries = extract();
    const reading = async (): Promise<void> => {
      tar.entry({ name: `${prefix}/`, type: 'directory', mode: 0o755 });
      for await (const entry of entries) {
        const { header } = entry;
        if (header.name === context.dockerfile || header.name === '.dockerignore') {
          entry.resume();
          continue;
        }
        const to = tar.entry({ ...header, name: `${prefix}/${header.name}` });
        await new Promise<void>((done, fail) => {
          pipeline(entry as unknown as Readable, to as unknown as NodeJS.WritableStream, (e) => (e ? fail(e) : done()));
        });
      }
      tar.finalize();
    };
    pipeline(context.tar(), entries as unknown as NodeJS.WritableStream, () => undefined);
    reading().catch((e: unknown) => tar.destroy(e instanceof Error ? e : new Error(String(e))));
    yield* tar as AsyncIterable<Buffer>;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The two blocks of zeros that end a tar: another one follows. */
const END_BYTES = 1024;

async function* withoutEnd(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of tar) {
    const all = Buffer.concat([held, chunk]);
    const cut = Math.max(0, all.length - END_BYTES);
    if (cut > 0) yield all.subarray(0, cut);
    held = all.subarray(cut);
  }
}
