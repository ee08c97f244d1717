import type { Position } from '../../core/errors.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';

/** Something in the files that works, but should be looked at. */
export interface Finding {
  readonly rule: string;
  readonly at: Position | undefined;
  readonly message: string;
  readonly hint: string;
}

const SECRET = /(passw(or)?d|secret|token|api_?key|private_?key|credential)/i;

/** What is risky, out of date, or surprises people. Errors are not here: a file with errors does not load. */
export function lint(project: Project): Finding[] {
  const found: Finding[] = [];
  for (const at of project.origins.get('version') ?? [])
    found.push({
      rule: 'version',
      at,
      message: 'the attribute `version` is obsolete and ignored',
      hint: 'remove the line',
    });
  const published = new Map<string, string>();
  for (const [name, service] of Object.entries(project.services)) {
    const say = (rule: string, key: string, message: string, hint: string): void => {
      const path = `services.${name}${key === '' ? '' : `.${key}`}`;
      found.push({
        rule,
        at: project.positions.get(path) ?? project.positions.get(`services.${name}`),
        message: `service "${name}": ${message}`,
        hint,
      });
    };
    lintImage(service, say);
    lintEnvironment(service, say);
    lintNeeds(project, service, say);
    lintOld(service, say);
    for (const at of project.origins.get(`services.${name}.ports:unquoted`) ?? [])
      found.push({
        rule: 'unquoted-port',
        at,
        message: `service "${name}": a port without quotes; older YAML readers take 22:22 for the number 1342`,
        hint: 'put it in quotes',
      });
    for (const port of service.ports ?? []) {
      if (!/^\d+$/.test(port.published ?? '')) continue;
      const key = `${port.host_ip ?? ''}:${port.published}/${port.protocol}`;
      const other = published.get(key);
      if (other !== undefined)
        say(
          'port-clash',
          'ports',
          `port ${port.published} is published by "${other}" too`,
          'change the host port of one of them',
        );
      published.set(key, name);
      if ((service.scale ?? service.deploy?.replicas ?? 1) > 1)
        say(
          'port-scale',
          'ports',
          `${service.scale ?? service.deploy?.replicas ?? 1} containers cannot all publish port ${port.published}`,
          `write a range, such as "${port.published}-${Number(port.published) + 9}:${port.target}"`,
        );
    }
    if (service.privileged)
      say(
        'privileged',
        'privileged',
        'privileged gives the container the whole host',
        'name what it needs with cap_add and devices',
      );
    if ((service.volumes ?? []).some((v) => v.source?.endsWith('/docker.sock')))
      say(
        'engine-socket',
        'volumes',
        'the engine socket in a container is root on the host',
        'do without, or mount it into as few services as can be',
      );
  }
  return found;
}

type Say = (rule: string, key: string, message: string, hint: string) => void;

function lintImage(service: Service, say: Say): void {
  const image = service.image;
  if (image === undefined || service.build) return;
  const last = image.slice(image.lastIndexOf('/') + 1);
  if (image.includes('@')) return;
  if (!last.includes(':'))
    say('image-tag', 'image', `image ${image} has no tag: it is whatever "latest" is today`, 'name a version');
  else if (last.endsWith(':latest'))
    say('image-tag', 'image', `image ${image} changes from day to day`, 'name a version');
}

function lintEnvironment(service: Service, say: Say): void {
  for (const [key, value] of Object.entries(service.environment ?? {})) {
    if (!SECRET.test(key) || value === null || value === '' || key.endsWith('_FILE') || value.startsWith('/')) continue;
    say(
      'secret-in-environment',
      `environment.${key}`,
      `${key} stands in the environment, where every process and "inspect" can read it`,
      `use a secret, and ${key}_FILE if the image knows it`,
    );
  }
}

function lintNeeds(project: Project, service: Service, say: Say): void {
  for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
    const other = project.services[name];
    const checked = other?.healthcheck && !other.healthcheck.disable;
    if (condition === 'service_healthy' && other && !checked && other.image !== undefined)
      say(
        'no-healthcheck',
        `depends_on.${name}`,
        `waits until "${name}" is healthy, which has no healthcheck here`,
        `write one for "${name}", unless its image has one`,
      );
    if (condition === 'service_started' && checked)
      say(
        'started-not-ready',
        `depends_on.${name}`,
        `waits only until "${name}" is started, although it has a healthcheck`,
        `write ${name}: {condition: service_healthy}`,
      );
  }
}

function lintOld(service: Service, say: Say): void {
  if (service.links)
    say(
      'links',
      'links',
      'links are not needed: services of one network find each other by name',
      'remove them, or keep an alias under networks',
    );
  if (service.volumes_from)
    say(
      'volumes-from',
      'volumes_from',
      'volumes_from is a leftover of Compose 1',
      'give both services the same named volume',
    );
}
