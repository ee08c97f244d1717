import type { EngineSettings } from '../containers/context.ts';
import type { Containers, Events, Images, VolumeService } from '../contract.ts';

export interface SystemDependencies {
  readonly options: EngineSettings;
  readonly events: Events;
  readonly containers: Containers;
  readonly images: Images;
  readonly volumes: VolumeService;
}
