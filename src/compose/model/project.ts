import type { Position } from '../../core/errors.ts';
import type { Json, Service, StringMap } from './service.ts';

export interface IpamConfig {
  readonly subnet?: string;
  readonly ip_range?: string;
  readonly gateway?: string;
  readonly aux_addresses?: StringMap;
}
export interface NetworkDefinition {
  readonly name?: string;
  readonly driver?: string;
  readonly driver_opts?: StringMap;
  readonly ipam?: { readonly driver?: string; readonly config?: readonly IpamConfig[]; readonly options?: StringMap };
  readonly external?: boolean;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly enable_ipv4?: boolean;
  readonly enable_ipv6?: boolean;
  readonly labels?: StringMap;
}
export interface VolumeDefinition {
  readonly name?: string;
  readonly driver?: string;
  readonly driver_opts?: StringMap;
  readonly external?: boolean;
  readonly labels?: StringMap;
}
/** A secret or a config. */
export interface FileDefinition {
  readonly name?: string;
  readonly file?: string;
  readonly environment?: string;
  readonly content?: string;
  readonly external?: boolean;
  readonly labels?: StringMap;
  readonly driver?: string;
  readonly driver_opts?: StringMap;
  readonly template_driver?: string;
}
export interface IncludeItem {
  readonly path: readonly string[];
  readonly project_directory?: string;
  readonly env_file?: readonly string[];
}

/** What one file, or several merged, say. */
export interface Model {
  readonly name?: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, NetworkDefinition>>;
  readonly volumes: Readonly<Record<string, VolumeDefinition>>;
  readonly secrets: Readonly<Record<string, FileDefinition>>;
  readonly configs: Readonly<Record<string, FileDefinition>>;
  readonly models: Readonly<Record<string, Json>>;
  readonly extensions: Readonly<Record<string, Json>>;
}

/** A loaded project: checked, normalised, profiles applied, environment resolved. */
export interface Project extends Model {
  readonly name: string;
  /** Between the parts of names of containers and images. */
  readonly separator: '-' | '_';
  /** Services whose profiles are not active. */
  readonly disabled: Readonly<Record<string, Service>>;
  readonly workingDirectory: string;
  /** Absolute paths; `-` for standard input. */
  readonly files: readonly string[];
  /** Given with `--env-file`, absolute. */
  readonly environmentFiles: readonly string[];
  /** What `${}` in the files was replaced from. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where things were written: `services.web`, `services.web.depends_on.db`. */
  readonly positions: ReadonlyMap<string, Position>;
  /** All places where a thing was said, in the order of merging: the last one counts most. */
  readonly origins: ReadonlyMap<string, readonly Position[]>;
  /** Values that hold variables, as they were written. */
  readonly templates: readonly Template[];
  /** Where each variable comes from: `shell`, or the path of an environment file. */
  readonly variableSources: ReadonlyMap<string, string>;
}

/** A value with variables in it. */
export interface Template {
  readonly path: string;
  readonly text: string;
  readonly at: Position;
}
