import { VERSION } from '../../core/version.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';

const PREFIX = 'com.docker.compose.';
/** Labels by which containers, networks and volumes are known; docker compose's own, so that both tools see one project. */
export const LABEL = {
  project: `${PREFIX}project`,
  service: `${PREFIX}service`,
  version: `${PREFIX}version`,
  workingDir: `${PREFIX}project.working_dir`,
  configFiles: `${PREFIX}project.config_files`,
  environmentFile: `${PREFIX}project.environment_file`,
  oneOff: `${PREFIX}oneoff`,
  configHash: `${PREFIX}config-hash`,
  number: `${PREFIX}container-number`,
  slug: `${PREFIX}slug`,
  dependsOn: `${PREFIX}depends_on`,
  image: `${PREFIX}image`,
  replace: `${PREFIX}replace`,
  network: `${PREFIX}network`,
  volume: `${PREFIX}volume`,
  builder: `${PREFIX}image.builder`,
} as const;

type Labelled = { readonly Labels?: Readonly<Record<string, string>> | null };

export function label(thing: Labelled, key: keyof typeof LABEL): string | undefined {
  return thing.Labels?.[LABEL[key]];
}

/** The container's number among its service's, 0 if it has none. */
export function numberOf(container: Labelled): number {
  return Number(label(container, 'number') ?? 0);
}

export function isOneOff(container: Labelled): boolean {
  return label(container, 'oneOff')?.toLowerCase() === 'true';
}

/** `db:service_healthy:false,cache:service_started:true` */
function dependsOnLabel(service: Service): string {
  return Object.entries(service.depends_on ?? {})
    .map(([name, d]) => `${name}:${d.condition}:${String(d.restart ?? false)}`)
    .sort()
    .join(',');
}

/** Names in such a label. */
export function dependenciesInLabel(text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap((part) => {
    const name = part.split(':')[0] ?? '';
    return name === '' ? [] : [name];
  });
}

/** The labels that every container of a service carries. */
export function containerLabels(
  project: Project,
  name: string,
  service: Service,
  facts: {
    readonly configHash: string;
    readonly imageId: string;
    readonly number: number | undefined;
    readonly slug?: string;
  },
): Record<string, string> {
  return {
    ...service.labels,
    [LABEL.project]: project.name,
    [LABEL.service]: name,
    [LABEL.version]: VERSION,
    [LABEL.workingDir]: project.workingDirectory,
    [LABEL.configFiles]: project.files.join(','),
    ...(project.environmentFiles.length > 0 ? { [LABEL.environmentFile]: project.environmentFiles.join(',') } : {}),
    [LABEL.oneOff]: facts.slug === undefined ? 'False' : 'True',
    [LABEL.configHash]: facts.configHash,
    [LABEL.dependsOn]: dependsOnLabel(service),
    [LABEL.image]: facts.imageId,
    ...(facts.number === undefined ? {} : { [LABEL.number]: String(facts.number) }),
    ...(facts.slug === undefined ? {} : { [LABEL.slug]: facts.slug }),
  };
}

export function resourceLabels(
  project: string,
  kind: 'network' | 'volume',
  key: string,
  own: Readonly<Record<string, string>> | undefined,
  hash: string,
): Record<string, string> {
  return { ...own, [LABEL.project]: project, [LABEL[kind]]: key, [LABEL.version]: VERSION, [LABEL.configHash]: hash };
}
