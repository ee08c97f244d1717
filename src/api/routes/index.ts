import type { Route } from '../http/route.ts';
import { archiveRoutes } from './archive.ts';
import { attachRoutes } from './attach.ts';
import { buildRoutes } from './build.ts';
import { buildKitRoutes } from './buildkit.ts';
import { containerRoutes } from './containers.ts';
import { eventRoutes } from './events.ts';
import { execRoutes } from './exec.ts';
import { imageTransferRoutes } from './image-transfer.ts';
import { imageRoutes } from './images.ts';
import { logRoutes } from './logs.ts';
import { networkRoutes } from './networks.ts';
import { statsRoutes } from './stats.ts';
import { swarmRoutes } from './swarm.ts';
import { systemRoutes } from './system.ts';
import { volumeRoutes } from './volumes.ts';
import { waitRoutes } from './wait.ts';

/** Every endpoint that is served. */
export const routes: readonly Route[] = [
  ...containerRoutes,
  ...attachRoutes,
  ...logRoutes,
  ...statsRoutes,
  ...waitRoutes,
  ...archiveRoutes,
  ...execRoutes,
  ...imageRoutes,
  ...imageTransferRoutes,
  ...buildRoutes,
  ...buildKitRoutes,
  ...networkRoutes,
  ...volumeRoutes,
  ...eventRoutes,
  ...systemRoutes,
  ...swarmRoutes,
];
