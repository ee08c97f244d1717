import type { CommandContext } from '../command.ts';
import type { Target } from './targets.ts';

export interface Candidate {
  readonly word: string;
  /** What it is, for shells that show it. */
  readonly about: string;
}

/** All that a target may be; nothing where the engine does not answer. */
export async function candidatesOf(
  target: Exclude<Target, 'file' | 'folder'>,
  context: CommandContext,
): Promise<Candidate[]> {
  if (typeof target !== 'string') return target.map((word) => ({ word, about: '' }));
  try {
    return await LISTS[target](context);
  } catch {
    return [];
  }
}

type Lister = (context: CommandContext) => Promise<Candidate[]>;

const containers =
  (states?: readonly string[]): Lister =>
  async ({ client }) => {
    const found = await client.containers.list({
      all: true,
      ...(states === undefined ? {} : { filters: { status: states } }),
    });
    // A name with a second slash is a link's.
    return found.flatMap((c) =>
      c.Names.map((n) => n.replace(/^\//, ''))
        .filter((n) => !n.includes('/'))
        .map((word) => ({ word, about: `${c.Image}, ${c.Status}` })),
    );
  };

const images: Lister = async ({ client }) => {
  const found = await client.images.list();
  return found.flatMap((image) =>
    (image.RepoTags ?? []).flatMap((tag) => {
      if (tag.includes('<none>')) return [];
      return tag.endsWith(':latest')
        ? [
            { word: tag.slice(0, -7), about: 'image' },
            { word: tag, about: 'image' },
          ]
        : [{ word: tag, about: 'image' }];
    }),
  );
};

const networks: Lister = async ({ client }) =>
  (await client.networks.list()).map((n) => ({ word: n.Name, about: `network, ${n.Driver}` }));

const volumes: Lister = async ({ client }) =>
  ((await client.volumes.list()).Volumes ?? []).map((v) => ({ word: v.Name, about: `volume, ${v.Driver}` }));

const contexts: Lister = async ({ env }) => {
  const { allContexts } = await import('../config/contexts.ts');
  const all = allContexts(env).map((c) => ({ word: c.Name, about: c.Endpoints.docker?.Host ?? '' }));
  return [{ word: 'default', about: 'the socket of this machine' }, ...all];
};

const together =
  (...listers: readonly Lister[]): Lister =>
  async (context) =>
    (await Promise.all(listers.map((list) => list(context)))).flat();

const LISTS: Readonly<Record<Exclude<Extract<Target, string>, 'file' | 'folder'>, Lister>> = {
  container: containers(),
  running: containers(['running', 'paused']),
  stopped: containers(['created', 'exited']),
  image: images,
  network: networks,
  volume: volumes,
  context: contexts,
  object: together(containers(), images, networks, volumes),
  copy: async (context) => (await containers()(context)).map((c) => ({ ...c, word: `${c.word}:` })),
  nothing: () => Promise.resolve([]),
};
