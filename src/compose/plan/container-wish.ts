import type { MountPoint } from '../../core/wire/container.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';

/** What is known about the image a container is made from. */
export interface ImageFacts {
  readonly id: string;
  /** Paths that its VOLUME instructions name. */
  readonly volumes: readonly string[];
}

export interface ContainerWish {
  readonly project: Project;
  readonly service: string;
  readonly definition: Service;
  readonly name: string;
  readonly number: number | undefined;
  readonly image: ImageFacts;
  /** Mounts of the container that this one replaces: anonymous volumes are carried over. */
  readonly inherited: readonly MountPoint[];
  /** IDs of a service's containers, lowest number first; for shared namespaces, links and `volumes_from`. */
  readonly containersOf: (service: string) => readonly { readonly id: string; readonly name: string }[];
  /** For one-off containers. */
  readonly oneOff?: {
    readonly slug: string;
    readonly useAliases: boolean;
    readonly autoRemove?: boolean;
    readonly attached?: boolean;
  };
  readonly extraLabels?: Readonly<Record<string, string>>;
  /** Path of the engine's socket on its host, for `use_api_socket`. */
  readonly apiSocket?: string | undefined;
}
