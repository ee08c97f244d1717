import { VERSION } from '../../core/version.ts';
import type { SystemInfo } from '../../core/wire/resources.ts';
import { arity, command } from '../command.ts';
import { errorText } from '../errors.ts';
import { binarySize } from '../format/human.ts';
import { printObject } from '../format/object.ts';
import { objectFormat } from '../format/format-flag.ts';

export const info = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { format: objectFormat() },
  async run({ options }, context) {
    let found: SystemInfo | undefined;
    let failure: unknown;
    try {
      found = await context.client.info();
    } catch (e) {
      failure = e;
    }
    const client = { Debug: false, Context: context.contextName, Version: VERSION, Plugins: [], Warnings: null };
    if (options.format !== undefined) {
      const errors = failure === undefined ? {} : { ServerErrors: [errorText(failure)] };
      await printObject({ ...found, ...errors, ClientInfo: client }, options.format, context);
      if (failure !== undefined && options.format !== 'json') context.warn(errorText(failure));
    } else {
      await context.print(
        `Client: Wharf\n Version:    ${VERSION}\n Context:    ${context.contextName}\n Debug Mode: false\n\nServer:\n`,
      );
      if (found !== undefined) await context.print(serverLines(found).join('\n') + '\n');
    }
    for (const warning of strings(found?.['Warnings'])) context.warn(warning);
    if (failure === undefined) return 0;
    if (options.format === undefined) context.warn(`${errorText(failure)}\nerrors pretty printing info`);
    return 1;
  },
});

function serverLines(i: SystemInfo): string[] {
  const lines = [
    ` Containers: ${i.Containers}`,
    `  Running: ${i.ContainersRunning}`,
    `  Paused: ${i.ContainersPaused}`,
    `  Stopped: ${i.ContainersStopped}`,
    ` Images: ${i.Images}`,
    ` Server Version: ${i.ServerVersion}`,
    ` Storage Driver: ${i.Driver}`,
  ];
  const add = (name: string, value: unknown, indent = ' ') => {
    const shown = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    if (shown && value !== '') lines.push(`${indent}${name}: ${value}`);
  };
  for (const pair of (i['DriverStatus'] as [string, string][] | null | undefined) ?? []) add(pair[0], pair[1], '  ');
  add('Logging Driver', i['LoggingDriver']);
  add('Cgroup Driver', i['CgroupDriver']);
  add('Cgroup Version', i['CgroupVersion']);
  const plugins = i['Plugins'] as Record<string, string[] | null> | undefined;
  if (plugins !== undefined) {
    lines.push(' Plugins:');
    for (const name of ['Volume', 'Network', 'Log'])
      lines.push(`  ${name}: ${strings(plugins[name]).join(' ')}`.trimEnd());
  }
  const swarm = i['Swarm'] as { LocalNodeState?: string } | undefined;
  add('Swarm', swarm?.LocalNodeState);
  const runtimes = i['Runtimes'];
  if (typeof runtimes === 'object' && runtimes !== null) add('Runtimes', Object.keys(runtimes).toSorted().join(' '));
  add('Default Runtime', i['DefaultRuntime']);
  add('Init Binary', i['InitBinary']);
  const security = strings(i['SecurityOptions']);
  if (security.length > 0) lines.push(' Security Options:');
  for (const option of security) {
    const pairs = option.split(',').map((p) => p.split('='));
    for (const [key, value = ''] of pairs)
      lines.push(key === 'name' ? `  ${value}` : `   ${heading(key ?? '')}: ${value}`);
  }
  add('Kernel Version', i['KernelVersion']);
  add('Operating System', i['OperatingSystem']);
  add('OSType', i.OSType);
  add('Architecture', i.Architecture);
  add('CPUs', i.NCPU);
  add('Total Memory', binarySize(i.MemTotal ?? 0));
  add('Name', i.Name);
  add('ID', i.ID);
  add('Docker Root Dir', i.DockerRootDir);
  add('Debug Mode', i['Debug'] ?? false);
  add('HTTP Proxy', i['HttpProxy']);
  add('HTTPS Proxy', i['HttpsProxy']);
  add('No Proxy', i['NoProxy']);
  const labels = strings(i['Labels']);
  if (labels.length > 0) lines.push(' Labels:', ...labels.map((l) => `  ${l}`));
  add('Experimental', i['ExperimentalBuild'] ?? false);
  const registries = i['RegistryConfig'] as { InsecureRegistryCIDRs?: string[]; Mirrors?: string[] } | undefined;
  const insecure = strings(registries?.InsecureRegistryCIDRs);
  if (insecure.length > 0) lines.push(' Insecure Registries:', ...insecure.map((r) => `  ${r}`));
  const mirrors = strings(registries?.Mirrors);
  if (mirrors.length > 0) lines.push(' Registry Mirrors:', ...mirrors.map((r) => `  ${r}`));
  add('Live Restore Enabled', i['LiveRestoreEnabled'] ?? false);
  return lines;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function heading(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
