/**
 * The JSON of others that describes images. Whoever wrote it, what is taken has the types that the rest relies on.
 * `null` counts as absent wherever something may be absent, as for Go's decoder, which wrote and reads most of it.
 */
type Shape = 'text' | 'number' | 'flag' | 'any' | { readonly list: Shape } | { readonly map: Shape } | StructShape;
interface StructShape {
  readonly struct: Readonly<Record<string, Shape>>;
}

const TEXTS: Shape = { list: 'text' };
const SET: Shape = { map: 'any' };
const PLATFORM: Shape = {
  struct: { os: 'text', architecture: 'text', variant: 'text', 'os.version': 'text', 'os.features': TEXTS },
};
const DESCRIPTOR: Shape = {
  struct: { mediaType: 'text', digest: 'text', size: 'number', annotations: { map: 'text' }, platform: PLATFORM },
};
const DOCUMENT: Shape = {
  struct: {
    schemaVersion: 'number',
    mediaType: 'text',
    config: DESCRIPTOR,
    layers: { list: DESCRIPTOR },
    manifests: { list: DESCRIPTOR },
    annotations: { map: 'text' },
  },
};
const HEALTH: Shape = {
  struct: {
    Test: TEXTS,
    Interval: 'number',
    Timeout: 'number',
    StartPeriod: 'number',
    StartInterval: 'number',
    Retries: 'number',
  },
};
const CONFIG: Shape = {
  struct: {
    created: 'text',
    author: 'text',
    architecture: 'text',
    os: 'text',
    variant: 'text',
    'os.version': 'text',
    'os.features': TEXTS,
    config: {
      struct: {
        User: 'text',
        ExposedPorts: SET,
        Env: TEXTS,
        Entrypoint: TEXTS,
        Cmd: TEXTS,
        Volumes: SET,
        WorkingDir: 'text',
        Labels: { map: 'text' },
        StopSignal: 'text',
        Healthcheck: HEALTH,
        Shell: TEXTS,
        OnBuild: TEXTS,
        ArgsEscaped: 'flag',
      },
    },
    rootfs: { struct: { type: 'text', diff_ids: TEXTS } },
    history: {
      list: {
        struct: { created: 'text', created_by: 'text', author: 'text', comment: 'text', empty_layer: 'flag' },
      },
    },
    'wharf.build.cache.v1': { list: TEXTS },
  },
};

/** What is wrong with a manifest or index; `undefined`: nothing. */
export function wrongInManifest(document: unknown): string | undefined {
  return wrong(document, DOCUMENT, '');
}

/** What is wrong with an image config; `undefined`: nothing. */
export function wrongInConfig(document: unknown): string | undefined {
  return wrong(document, CONFIG, '');
}

function wrong(value: unknown, shape: Shape, path: string): string | undefined {
  if (typeof shape === 'object') {
    if ('list' in shape) {
      if (!Array.isArray(value)) return `"${path}" is no list`;
      return firstOf(value, (item, i) => wrong(item, shape.list, `${path}[${i}]`));
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return path === '' ? 'it is no JSON object' : `"${path}" is no object`;
    const fields = Object.entries(value).filter(([, of]) => of !== null);
    const below = (name: string) => (path === '' ? name : `${path}.${name}`);
    if ('map' in shape) return firstOf(fields, ([name, of]) => wrong(of, shape.map, below(name)));
    return firstOf(fields, ([name, of]) => {
      const field = Object.hasOwn(shape.struct, name) ? shape.struct[name] : undefined;
      return field === undefined ? undefined : wrong(of, field, below(name));
    });
  }
  const type = { text: 'string', number: 'number', flag: 'boolean', any: typeof value }[shape];
  return typeof value === type ? undefined : `"${path}" is no ${shape}`;
}

function firstOf<T>(items: readonly T[], look: (item: T, i: number) => string | undefined): string | undefined {
  for (const [i, item] of items.entries()) {
    const found = look(item, i);
    if (found !== undefined) return found;
  }
  return undefined;
}
