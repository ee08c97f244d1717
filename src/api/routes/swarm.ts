import { noSwarm } from '../errors.ts';
import type { Method, Route } from '../http/route.ts';

const SUBJECTS = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs'];
const METHODS: readonly Method[] = ['GET', 'POST', 'DELETE'];

function refuse(): never {
  throw noSwarm({});
}

/** There is no swarm, and clients that ask are told so in words they know. */
export const swarmRoutes: readonly Route[] = SUBJECTS.flatMap((subject) =>
  METHODS.flatMap((method): Route[] => [
    { method, path: `/${subject}`, handle: refuse },
    { method, path: `/${subject}/:rest+`, handle: refuse },
  ]),
);
