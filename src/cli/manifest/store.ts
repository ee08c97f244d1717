import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonical, familiar, parseReference, type Reference, withDefaultTag } from '../../core/reference.ts';
import { configFolder, type Env } from '../config/config-file.ts';
import { ExitError } from '../errors.ts';

export interface ManifestPlatform {
  readonly architecture?: string;
  readonly os?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  readonly variant?: string;
}

/** A manifest that a list is to hold: a file of the docker CLI's own form. */
export interface ListedManifest {
  readonly Ref: string;
  readonly Descriptor: {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
    readonly platform?: ManifestPlatform;
  };
  /** Its bytes in base64. */
  readonly Raw?: string;
  readonly SchemaV2Manifest?: unknown;
  readonly OCIManifest?: unknown;
}

/**
 * Manifest lists that are being made, below `manifests` in the folder of `config.json`: a folder a list, a file a manifest; the
 * docker CLI reads and writes them too.
 */
export class ManifestLists {
  readonly #folder: string;

  constructor(env: Env) {
    this.#folder = join(configFolder(env), 'manifests');
  }

  /** The manifests of a list in order of their names; `undefined` if there is no such list. */
  read(list: Reference): ListedManifest[] | undefined {
    const folder = this.#listFolder(list);
    if (!existsSync(folder)) return undefined;
    return readdirSync(folder)
      .sort()
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ListedManifest);
  }

  /** @throws {ExitError} if the list, or the manifest in it, is not there */
  find(list: Reference, manifest: Reference): ListedManifest {
    const path = this.#path(list, manifest);
    if (!existsSync(path)) {
      throw new ExitError(`manifest for image ${familiar(manifest)} does not exist in ${familiar(list)}`, 1);
    }
    return JSON.parse(readFileSync(path, 'utf8')) as ListedManifest;
  }

  put(list: Reference, manifest: Reference, document: ListedManifest): void {
    mkdirSync(this.#listFolder(list), { recursive: true, mode: 0o755 });
    writeFileSync(this.#path(list, manifest), JSON.stringify(document), { mode: 0o644 });
  }

  /** Whether it was there. */
  remove(list: Reference): boolean {
    const folder = this.#listFolder(list);
    const had = existsSync(folder);
    rmSync(folder, { recursive: true, force: true });
    return had;
  }

  #listFolder(list: Reference): string {
    return join(this.#folder, fileName(list));
  }
  #path(list: Reference, manifest: Reference): string {
    return join(this.#listFolder(list), fileName(manifest));
  }
}

/** A reference as `docker manifest` takes it: with tag `latest` if it has none. */
export function manifestReference(text: string): Reference {
  return withDefaultTag(parseReference(text));
}

/** `docker.io/library/a:1` is the file `docker.io_library_a-1`. */
function fileName(reference: Reference): string {
  return canonical(reference).replaceAll(':', '-').replaceAll('/', '_');
}
