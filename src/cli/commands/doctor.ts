import type { SystemInfo } from '../../core/wire/resources.ts';
import { arity, command } from '../command.ts';
import { messageOf, WharfError } from '../../core/errors.ts';
import { binarySize } from '../format/human.ts';

export const doctor = command({
  usage: '',
  arity: arity.none,
  options: {},
  async run(_parsed, context) {
    const line = (ok: boolean, text: string) => context.print(`${ok ? 'ok  ' : 'FAIL'}  ${text}\n`);
    let info: SystemInfo;
    try {
      info = await context.client.info();
      const { apiVersion, server } = await context.client.ping();
      await line(true, `engine at ${context.client.host}: ${server || 'unnamed'}, API ${apiVersion}`);
    } catch (e) {
      await line(false, `engine at ${context.client.host}: ${messageOf(e)}`);
      const hint = e instanceof WharfError ? e.context.hint : undefined;
      await context.print(`      ${hint ?? 'start it with: bin/wharfd'}\n`);
      return 1;
    }
    const text = (key: string) => (typeof info[key] === 'string' ? info[key] : '');
    const runtimes = Object.keys((info['Runtimes'] as object | undefined) ?? {});
    await line(
      runtimes.length > 0,
      `runtimes: ${runtimes.join(', ') || 'none works'}; default ${text('DefaultRuntime') || 'none'}`,
    );
    await line(
      text('CgroupVersion') !== '',
      `cgroups: version ${text('CgroupVersion') || 'unknown'}, driver ${text('CgroupDriver')}`,
    );
    await line(info.Driver !== '', `storage: ${info.Driver} in ${info.DockerRootDir}`);
    await line(info['IPv4Forwarding'] !== false, `IPv4 forwarding: ${info['IPv4Forwarding'] === false ? 'off' : 'on'}`);
    await line(true, `kernel ${text('KernelVersion')}, ${info.NCPU} CPUs, ${binarySize(info.MemTotal)} of memory`);
    const warnings = Array.isArray(info['Warnings']) ? info['Warnings'].map(String) : [];
    for (const warning of warnings) await context.print(`note  ${warning}\n`);
    return runtimes.length > 0 ? 0 : 1;
  },
});
