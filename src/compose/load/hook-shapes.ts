import type { Develop, Hook, WatchTrigger } from '../model/service.ts';
import { command } from './command-shape.ts';
import { path } from './host-path.ts';
import type { Shape } from './shape.ts';
import { boolean, invalidAt, list, object, oneOf, oneOrMany, pairs, string } from './shape.ts';

/** A command that Compose runs in a container: `post_start`, `pre_stop`, `develop.watch.exec`. */
export const hook: Shape<Hook> = object<Hook>(
  { command, user: string, privileged: boolean, working_dir: string, environment: pairs },
  ['command'],
);

const triggerFields = object<WatchTrigger>(
  {
    path,
    action: oneOf('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
    target: string,
    exec: hook,
    include: oneOrMany(string),
    ignore: oneOrMany(string),
    initial_sync: boolean,
  },
  ['path', 'action'],
);
const trigger: Shape<WatchTrigger> = {
  read(tree, where) {
    const found = triggerFields.read(tree, where);
    if (found.action.startsWith('sync') && found.target === undefined)
      throw invalidAt(tree, `${where.path}: target is required for ${found.action}`);
    if (found.action === 'sync+exec' && found.exec === undefined)
      throw invalidAt(tree, `${where.path}: exec is required for sync+exec`);
    return found;
  },
};
export const develop: Shape<Develop> = object<Develop>({ watch: list(trigger) });
