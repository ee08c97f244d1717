import { noSuchService } from '../context.ts';
import { composeUsage } from '../errors.ts';
import type { Project } from '../model/project.ts';

/** `--scale web=3`. @throws {WharfError} `COMPOSE_USAGE` */
export function parseScale(entries: readonly string[], project: Project): Map<string, number> {
  return new Map(
    entries.map((entry) => {
      const match = /^([^=]+)=(\d+)$/.exec(entry);
      if (!match)
        throw composeUsage({ message: `invalid --scale option ${JSON.stringify(entry)}. Should be SERVICE=NUM` });
      const name = match[1] ?? '';
      if (!project.services[name]) throw noSuchService(name, Object.keys(project.services));
      return [name, Number(match[2])];
    }),
  );
}
