import { Slots } from '../../core/slots.ts';
import type { Client } from '../../client/index.ts';
import type { Project } from '../model/project.ts';
import type { Progress } from '../output/progress.ts';
import { nameOf, observe } from './observe.ts';
import { hands } from './hands.ts';
import type { ImageOptions } from './images.ts';
import { ensureImages } from './images.ts';
import { runSteps } from './run-steps.ts';
import { preflight } from './preflight.ts';
import { planUp } from '../plan/plan-up.ts';
import type { UpOptions } from '../plan/plan-up.ts';
import { refuseUnsupported } from '../plan/unsupported.ts';

export interface UpRequest extends Omit<UpOptions, 'images' | 'services'>, ImageOptions {
  readonly services: ReadonlySet<string>;
  readonly timeoutSeconds?: number | undefined;
  readonly renewAnonymousVolumes?: boolean;
  readonly ignoreOrphans?: boolean;
  /** How many steps at a time; zero or less: any number. */
  readonly parallel?: number;
  readonly hookOutput?: (container: string, text: Buffer) => void;
  /** Between creation and start: the moment to attach. */
  readonly beforeStart?: () => Promise<void>;
}

/** Makes the engine have what the project says, and starts it. */
export async function up(
  client: Client,
  project: Project,
  request: UpRequest,
  progress: Progress,
  warn: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  refuseUnsupported(project, request.services);
  const images = await ensureImages(client, project, [...request.services], request, progress, signal);
  const observed = await observe(client, project);
  const plan = planUp(project, observed, { ...request, images });
  for (const warning of plan.warnings) warn(warning);
  if (plan.orphans.length > 0 && !request.ignoreOrphans) {
    warn(
      `Found orphan containers ([${plan.orphans.map(nameOf).join(' ')}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
    );
  }
  await preflight(
    client,
    project,
    [...plan.prepare, ...plan.start].flatMap((step) =>
      step.kind === 'create' || step.kind === 'recreate' || step.kind === 'start'
        ? [{ service: step.service, container: step.name }]
        : [],
    ),
    new Set(plan.prepare.flatMap((step) => (step.kind === 'remove' ? [step.container] : []))),
    warn,
  );
  const doing = hands({
    client,
    project,
    images,
    observed: observed.containers,
    progress,
    warn,
    timeoutSeconds: request.timeoutSeconds,
    renewAnonymousVolumes: request.renewAnonymousVolumes ?? false,
    signal,
    hookOutput: request.hookOutput,
  });
  const { parallel = 0 } = request;
  const places = new Slots(parallel > 0 ? parallel : Infinity);
  await runSteps(plan.prepare, doing, signal, places);
  await request.beforeStart?.();
  await runSteps(plan.start, doing, signal, places);
}
