import type { Client } from '../../client/index.ts';
import { ApiError } from '../../client/index.ts';
import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';
import { messageOf } from '../../core/errors.ts';
import { composeFailed } from '../errors.ts';
import { variablesIn } from '../load/index.ts';
import type { VariableUse } from '../load/index.ts';
import type { Project } from '../model/project.ts';
import { table } from '../output/table.ts';

/** What the files ask of the environment, each variable once, as `config --variables` prints it. */
export function variables(project: Project, json: boolean): string {
  const found = new Map<string, VariableUse>();
  for (const { text } of project.templates) {
    for (const use of variablesIn(text)) {
      const before = found.get(use.name);
      found.set(use.name, {
        name: use.name,
        required: use.required || (before?.required ?? false),
        fallback: before?.fallback || use.fallback,
        alternative: before?.alternative || use.alternative,
      });
    }
  }
  const uses = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (json) {
    const shown = uses.map((u) => [
      u.name,
      { Name: u.name, DefaultValue: u.fallback, PresenceValue: u.alternative, Required: u.required },
    ]);
    return `${JSON.stringify(Object.fromEntries(shown), null, 4)}\n`;
  }
  return table(
    ['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'],
    uses.map((u) => [u.name, String(u.required), u.fallback, u.alternative]),
    20,
  );
}

/**
 * The project with digests in place of tags, as registries have them now.
 * @throws {WharfError} `COMPOSE_FAILED` if one cannot be found out
 */
export async function withDigests(client: Client, project: Project): Promise<Project> {
  const asked = new Map<string, Promise<string>>();
  const digestOf = async (image: string): Promise<string> => {
    const reference = withDefaultTag(parseReference(image));
    if (reference.digest !== undefined) return image;
    const name = familiarName(reference);
    try {
      const answer = await client.request('GET', `/distribution/${name}:${reference.tag ?? 'latest'}/json`);
      const { digest } = (answer as { Descriptor: { digest: string } }).Descriptor;
      return `${image}@${digest}`;
    } catch (e) {
      const whole = `${reference.registry}/${reference.repository}:${reference.tag ?? 'latest'}`;
      const said = e instanceof ApiError ? `Error response from daemon: ${e.message}` : messageOf(e);
      throw composeFailed({ message: `failed to resolve digest for ${whole}: ${said}` }, { cause: e });
    }
  };
  const services = await Promise.all(
    Object.entries(project.services).map(async ([name, service]) => {
      if (service.image === undefined) return [name, service] as const;
      const answer = asked.get(service.image) ?? digestOf(service.image);
      asked.set(service.image, answer);
      return [name, { ...service, image: await answer }] as const;
    }),
  );
  return { ...project, services: Object.fromEntries(services) };
}
