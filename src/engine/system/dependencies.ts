import type { Containers, EngineOptions, Images, VolumeService } from '../contract.ts';

export interface SystemDependencies {
  readonly options: EngineOptions;
  readonly containers: Containers;
  readonly images: Images;
  readonly volumes: VolumeService;
}
