import { VERSION, API_VERSION } from '../../core/version.ts';
import { hostPlatform } from '../../core/platform.ts';
import type { VersionInfo } from '../../core/wire/resources.ts';
import { arity, command } from '../command.ts';
import { errorText } from '../errors.ts';
import { printObject } from '../format/object.ts';
import { objectFormat } from '../format/format-flag.ts';

export const version = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { format: objectFormat() },
  async run({ options }, context) {
    const { os, architecture } = hostPlatform();
    let server: VersionInfo | undefined;
    let failure: unknown;
    try {
      server = await context.client.version();
    } catch (e) {
      failure = e;
    }
    const apiVersion = server === undefined ? API_VERSION : lower(API_VERSION, server.ApiVersion);
    const client = {
      Version: VERSION,
      ApiVersion: apiVersion,
      DefaultAPIVersion: API_VERSION,
      GitCommit: '',
      NodeVersion: process.versions.node,
      Os: os,
      Arch: architecture,
      BuildTime: '',
      Context: context.contextName,
    };
    if (options.format !== undefined) {
      await printObject({ Client: client, Server: server ?? null }, options.format, context);
    } else {
      await context.print(
        [
          'Client: Wharf',
          ` Version:           ${VERSION}`,
          ` API version:       ${apiVersion}${apiVersion === API_VERSION ? '' : ` (downgraded from ${API_VERSION})`}`,
          ` Node version:      ${process.versions.node}`,
          ` OS/Arch:           ${os}/${architecture}`,
          ` Context:           ${context.contextName}\n`,
        ].join('\n'),
      );
      if (server !== undefined) await context.print(serverText(server));
    }
    if (failure === undefined) return 0;
    context.warn(errorText(failure));
    return 1;
  },
});

function serverText(server: VersionInfo): string {
  const lines = [`\nServer: ${server.Platform?.Name ?? ''}`.trimEnd()];
  const components = server.Components ?? [];
  for (const { Name, Version, Details = {} } of components) {
    lines.push(` ${Name}:`, `  Version:          ${Version}`);
    if (Name === 'Engine') {
      const minimum = Details['MinAPIVersion'];
      lines.push(`  API version:      ${Details['ApiVersion'] ?? ''}${minimum ? ` (minimum version ${minimum})` : ''}`);
      if (Details['GoVersion']) lines.push(`  Go version:       ${Details['GoVersion']}`);
    }
    if (Details['GitCommit']) lines.push(`  Git commit:       ${Details['GitCommit']}`);
    if (Name === 'Engine') {
      if (Details['BuildTime']) lines.push(`  Built:            ${Details['BuildTime']}`);
      lines.push(`  OS/Arch:          ${Details['Os'] ?? ''}/${Details['Arch'] ?? ''}`);
      if (Details['Experimental']) lines.push(`  Experimental:     ${Details['Experimental']}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function lower(a: string, b: string): string {
  const minor = (v: string) => Number(v.split('.')[1] ?? 0);
  return minor(a) <= minor(b) ? a : b;
}
