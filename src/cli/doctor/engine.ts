import type { SystemInfo } from '../../core/wire/resources.ts';
import { messageOf, WharfError } from '../../core/errors.ts';
import { binarySize, humanSize } from '../format/human.ts';
import type { CommandContext } from '../command.ts';
import { configPath, readConfig } from '../config/config-file.ts';
import type { Finding, Machine } from './machine.ts';

/** The engine in use, and what it said of itself. */
export async function askEngine(context: CommandContext): Promise<{ findings: Finding[]; info?: SystemInfo }> {
  const subject = 'engine';
  const { client } = context;
  try {
    const begin = performance.now();
    const info = await client.info();
    const ms = Math.round(performance.now() - begin);
    const { apiVersion, server } = await client.ping();
    const text = `${client.host}: ${server || 'unnamed'}, API ${apiVersion}, answers in ${ms} ms`;
    const machine = `${info.NCPU} CPUs, ${binarySize(info.MemTotal)} of memory, storage ${info.Driver} in ${info.DockerRootDir}`;
    const found: Finding[] = [
      { state: 'ok', subject, text },
      { state: 'ok', subject, text: machine },
    ];
    const warnings = Array.isArray(info['Warnings']) ? info['Warnings'].map(String) : [];
    for (const warning of warnings) found.push({ state: 'note', subject, text: warning.replace(/^WARNING: /, '') });
    return { findings: found, info };
  } catch (e) {
    const hint = e instanceof WharfError ? e.context.hint : undefined;
    return { findings: [{ state: 'fail', subject, text: messageOf(e), remedy: hint ?? startCommand(client.host) }] };
  }
}

function startCommand(host: string): string {
  return host.startsWith('unix://')
    ? `wharfd --host ${host}   # as root`
    : 'start the engine there, or choose another with -H';
}

const LITTLE_BYTES = 1024 ** 3;
const LITTLE_INODES = 50_000;

/** Room for images and containers; only where the engine's folder is on this machine. */
export function diskFindings(root: string, machine: Machine): Finding[] {
  const subject = 'disk';
  const space = machine.space(root);
  if (space === undefined) return [];
  const { total, free, inodesFree } = space;
  const text = `${humanSize(free, 3)} of ${humanSize(total, 3)} free in ${root}`;
  const remedy = 'wharf system prune   # wharf system df -v shows what takes the room';
  if (free < LITTLE_BYTES || free < total * 0.05) return [{ state: 'fail', subject, text: `only ${text}`, remedy }];
  if (inodesFree > 0 && inodesFree < LITTLE_INODES) {
    return [{ state: 'fail', subject, text: `only ${inodesFree} files more fit in ${root}`, remedy }];
  }
  return [{ state: 'ok', subject, text }];
}

/** The user's configuration: readable, and its credential helpers there. */
export function configFindings(context: CommandContext, machine: Machine): Finding[] {
  const subject = 'client';
  let config;
  try {
    config = readConfig(context.env);
  } catch (e) {
    return [{ state: 'fail', subject, text: messageOf(e), remedy: `mend or remove ${configPath(context.env)}` }];
  }
  const findings: Finding[] = [{ state: 'ok', subject, text: `context ${context.contextName}` }];
  const helpers = new Set([
    ...Object.values(config.credHelpers ?? {}),
    ...(config.credsStore ? [config.credsStore] : []),
  ]);
  for (const helper of helpers) {
    if (machine.run(`docker-credential-${helper}`, 'list') === undefined) {
      findings.push({
        state: 'fail',
        subject,
        text: `config.json wants docker-credential-${helper}, which is not in your PATH: pulls and pushes that need it fail`,
        remedy: `install docker-credential-${helper}, or take it out of ${configPath(context.env)}`,
      });
    }
  }
  return findings;
}
