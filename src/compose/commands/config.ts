import { writeFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { canonical, goJson, inDependencyOrder, withDependencies } from '../load/index.ts';
import type { Project } from '../model/project.ts';
import { variables, withDigests } from './config-lists.ts';
import { configHash } from '../plan/hash.ts';
import { toYaml } from '../output/yaml.ts';
import { imageName } from '../plan/names.ts';

export default command({
  usage: 'config [OPTIONS] [SERVICE...]',
  summary: 'Parse, resolve and render compose file in canonical format',
  flags: {
    environment: { names: '--environment', help: 'Print environment used for interpolation' },
    format: { names: '--format', value: 'string', help: 'Format the output. Values: [yaml | json]' },
    hash: { names: '--hash', value: 'string', help: 'Print the service config hash, one per line' },
    images: { names: '--images', help: 'Print the image names, one per line' },
    networks: { names: '--networks', help: 'Print the network names, one per line' },
    noInterpolate: { names: '--no-interpolate', help: "Don't interpolate environment variables" },
    output: { names: '-o, --output', value: 'string', help: 'Save to file (default to stdout)' },
    profiles: { names: '--profiles', help: 'Print the profile names, one per line' },
    quiet: { names: '-q, --quiet', help: "Only validate the configuration, don't print anything" },
    services: { names: '--services', help: 'Print the service names, one per line' },
    volumes: { names: '--volumes', help: 'Print the volume names, one per line' },
    variables: { names: '--variables', help: 'Print model variables and default values' },
    models: { names: '--models', help: 'Print the model names, one per line' },
    lockImageDigests: { names: '--lock-image-digests', help: 'Produces an override file with image digests' },
    resolveImageDigests: { names: '--resolve-image-digests', help: 'Pin image tags to digests' },
    noConsistency: { names: '--no-consistency', help: "Don't check model consistency" },
    noEnvResolution: { names: '--no-env-resolution', help: 'Accepted', hidden: true },
    noNormalize: { names: '--no-normalize', help: "Don't normalize compose model" },
    noPathResolution: { names: '--no-path-resolution', help: "Don't resolve file paths" },
  },
  async run(context, { flags, args }) {
    const loaded = await context.project(args, {
      interpolate: !flags.noInterpolate,
      without: {
        normalise: flags.noNormalize,
        paths: flags.noPathResolution,
        // What is only looked at may lack its values.
        consistency: flags.noConsistency || flags.noInterpolate || flags.variables,
      },
    });
    const chosen = args.length === 0 ? loaded : only(loaded, args);
    if (flags.quiet) return 0;
    if (flags.variables) {
      context.io.stdout.write(variables(chosen, flags.format === 'json'));
      return 0;
    }
    const pinned = flags.resolveImageDigests || flags.lockImageDigests;
    const project = pinned ? await withDigests(context.client, chosen) : chosen;
    const lines = flags.lockImageDigests ? toYaml(images(project)).trimEnd().split('\n') : listed(project, flags);
    const text =
      lines === undefined
        ? rendered(project, flags.format ?? 'yaml', flags.noInterpolate)
        : lines.map((l) => `${l}\n`).join('');
    if (flags.output === undefined) context.io.stdout.write(text);
    else await writeFile(posix.resolve(context.io.cwd, flags.output), text);
    return 0;
  },
});

/** The project with these services and what they depend on. */
function only(project: Project, names: readonly string[]): Project {
  const keep = withDependencies(names, project.services);
  return {
    ...project,
    services: Object.fromEntries(Object.entries(project.services).filter(([name]) => keep.has(name))),
  };
}

/** Only the images: an override file that pins them. */
function images(project: Project): unknown {
  const pinned = Object.entries(project.services).flatMap(([name, { image }]) =>
    image === undefined ? [] : [[name, { image }]],
  );
  return { services: Object.fromEntries(pinned) };
}

function listed(
  project: Project,
  flags: {
    readonly services: boolean;
    readonly volumes: boolean;
    readonly networks: boolean;
    readonly profiles: boolean;
    readonly images: boolean;
    readonly models: boolean;
    readonly environment: boolean;
    readonly hash: string | undefined;
  },
): string[] | undefined {
  const { services } = project;
  if (flags.services) return inDependencyOrder(services);
  if (flags.volumes) return Object.keys(project.volumes).sort();
  if (flags.networks) return Object.keys(project.networks).sort();
  if (flags.profiles) {
    const all = Object.values({ ...services, ...project.disabled }).flatMap((s) => s.profiles ?? []);
    return [...new Set(all)].sort();
  }
  if (flags.models)
    return Object.values(project.models).flatMap((m) =>
      isMap(m) && typeof m['model'] === 'string' ? [m['model']] : [],
    );
  if (flags.images)
    return Object.keys(services)
      .sort()
      .map((name) => imageName(project, name, services[name] ?? {}));
  if (flags.environment)
    return Object.entries(project.environment)
      .map(([k, v]) => `${k}=${v}`)
      .sort();
  if (flags.hash !== undefined) {
    const names = flags.hash === '*' ? Object.keys(services).sort() : flags.hash.split(',');
    return names.map((name) => {
      const service = services[name];
      if (!service) throw composeUsage({ message: `no such service: ${name}` });
      return `${name} ${configHash(service)}`;
    });
  }
  return undefined;
}

function rendered(project: Project, format: string, raw: boolean): string {
  if (format === 'json') return goJson(canonical(project, { json: true, raw }), 2);
  if (format !== 'yaml') throw composeUsage({ message: `unsupported format "${format}"` });
  return toYaml(canonical(project, { raw }));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
