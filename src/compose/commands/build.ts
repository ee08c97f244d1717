import { buildServices } from '../apply/build.ts';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { pushServices } from './push.ts';
import type { Project } from '../model/project.ts';
import { inDependencyOrder, withDependencies } from '../load/index.ts';

export default command({
  usage: 'build [OPTIONS] [SERVICE...]',
  summary: 'Build or rebuild services',
  flags: {
    buildArg: { names: '--build-arg', value: 'stringArray', many: true, help: 'Set build-time variables for services' },
    builder: { names: '--builder', value: 'string', help: 'Accepted: the engine has one builder', hidden: true },
    check: { names: '--check', help: 'Refused', hidden: true },
    print: { names: '--print', help: 'Refused', hidden: true },
    provenance: { names: '--provenance', value: 'string', bare: 'true', help: 'Refused unless false', hidden: true },
    sbom: { names: '--sbom', value: 'string', bare: 'true', help: 'Refused unless false', hidden: true },
    ssh: {
      names: '--ssh',
      value: 'string',
      help: "Set SSH authentications used when building service images. (use 'default' for using your default SSH Agent)",
    },
    memory: { names: '-m, --memory', value: 'bytes', help: 'Accepted', hidden: true },
    noCache: { names: '--no-cache', help: 'Do not use cache when building the image' },
    pull: { names: '--pull', help: 'Always attempt to pull a newer version of the image' },
    push: { names: '--push', help: 'Push service images' },
    quiet: { names: '-q, --quiet', help: 'Suppress the build output' },
    withDependencies: { names: '--with-dependencies', help: 'Also build dependencies (transitively)' },
    forceRm: { names: '--force-rm', help: 'Accepted', hidden: true },
    noRm: { names: '--no-rm', help: 'Accepted', hidden: true },
    compress: { names: '--compress', help: 'Accepted', hidden: true },
    parallel: { names: '--parallel', help: 'Accepted', hidden: true },
    progress: { names: '--progress', value: 'string', help: 'Accepted', hidden: true },
  },
  async run(context, { flags, args }) {
    for (const key of ['check', 'print'] as const)
      if (flags[key]) throw composeUsage({ message: `--${key} is not supported` });
    for (const key of ['provenance', 'sbom'] as const)
      if (flags[key] !== undefined && flags[key] !== 'false')
        throw composeUsage({ message: `--${key}: attestations are not supported` });
    const loaded = await context.project(args);
    const project = flags.ssh === undefined ? loaded : withSsh(loaded, flags.ssh);
    const chosen =
      args.length === 0
        ? new Set(Object.keys(project.services))
        : flags.withDependencies
          ? withDependencies(args, project.services)
          : new Set(args);
    const names = inDependencyOrder(project.services).filter((n) => chosen.has(n) && project.services[n]?.build);
    if (names.length === 0) {
      context.warn('No services to build');
      return 0;
    }
    const buildArgs = Object.fromEntries(
      flags.buildArg.map((pair) => {
        const equals = pair.indexOf('=');
        return equals < 0 ? [pair, project.environment[pair] ?? null] : [pair.slice(0, equals), pair.slice(equals + 1)];
      }),
    );
    using progress = context.progress('Building', { quiet: flags.quiet });
    await buildServices(
      context.client,
      project,
      names,
      {
        args: buildArgs,
        quiet: flags.quiet,
        ...(flags.noCache ? { noCache: true } : {}),
        ...(flags.pull ? { pull: true } : {}),
      },
      (text) => context.io.stdout.write(text),
      progress,
      context.io.signal,
    );
    progress.close();
    if (flags.push) await pushServices(context, project, names, { quiet: flags.quiet });
    return 0;
  },
});

/** The agent or keys for every service that is built. */
function withSsh(project: Project, ssh: string): Project {
  const services = Object.entries(project.services).map(([name, service]) => [
    name,
    service.build ? { ...service, build: { ...service.build, ssh: [...(service.build.ssh ?? []), ssh] } } : service,
  ]);
  return { ...project, services: Object.fromEntries(services) as Project['services'] };
}
