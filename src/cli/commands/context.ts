import { readFileSync } from 'node:fs';
import { arity, command, type CommandContext } from '../command.ts';
import { readConfig, writeConfig } from '../config/config-file.ts';
import * as contexts from '../config/contexts.ts';
import { DEFAULT_CONTEXT, defaultHost } from '../connection.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { printRows, type Layout } from '../format/formatter.ts';
import { csvFields } from '../spec/csv.ts';
import { messageOf } from '../../core/errors.ts';
import { naturalOrder } from '../format/natural-order.ts';
import { showObjects } from './inspect.ts';
import { objectFormat, tableFormat } from '../format/format-flag.ts';

const ENDPOINT_HELP = [
  'Docker endpoint config:',
  '',
  'NAME                DESCRIPTION',
  "from                Copy named context's Docker endpoint configuration",
  'host                Docker endpoint on which to connect',
  'ca                  Trust certs signed only by this CA',
  'cert                Path to TLS certificate file',
  'key                 Path to TLS key file',
  'skip-tls-verify     Skip TLS certificate validation',
].join('\n');

const docker = flag.list('--docker', 'set the docker endpoint', {
  type: 'stringToString',
  default: '[]',
  check: (text) => {
    const wrong = csvFields(text).find((field) => !field.includes('='));
    if (wrong !== undefined) throw new Error(`${wrong} must be formatted as key=value`);
  },
});
const description = flag.string('--description', 'Description of the context');

export const create = command({
  usage: '[OPTIONS] CONTEXT',
  arity: arity.exactly(1),
  description: ENDPOINT_HELP,
  examples: [
    ['An engine reached through ssh', 'wharf context create box --docker host=ssh://me@box.example.com'],
    [
      'One reached over TCP with TLS',
      'wharf context create prod --docker "host=tcp://prod:2376,ca=ca.pem,cert=cert.pem,key=key.pem"',
    ],
  ],
  options: { description, docker, from: flag.string('--from', 'create context from a named context') },
  async run({ args: [name = ''], options }, context) {
    contexts.checkName(name);
    if (contexts.contextExists(name, context.env)) throw new ExitError(`context "${name}" already exists`, 1);
    const from = options.from === undefined ? undefined : loadContext(options.from, context);
    const text = options.description ?? from?.meta.Metadata.Description;
    const { endpoint, tls } =
      options.docker.length > 0 || from === undefined
        ? endpointFrom(options.docker, context)
        : { endpoint: from.meta.Endpoints.docker ?? {}, tls: from.tls };
    const Metadata = text ? { Description: text } : {};
    contexts.writeContext({ Name: name, Metadata, Endpoints: { docker: endpoint } }, tls, context.env);
    await context.print(`${name}\n`);
    context.warn(`Successfully created context "${name}"`);
    return 0;
  },
});

export const update = command({
  usage: '[OPTIONS] CONTEXT',
  arity: arity.exactly(1),
  description: ENDPOINT_HELP,
  options: { description, docker },
  async run({ args: [name = ''], options, given }, context) {
    contexts.checkName(name);
    const before = contexts.readContext(name, context.env);
    const { Description: _, ...kept } = before.Metadata;
    const Metadata = given.has('description') ? { ...kept, Description: options.description ?? '' } : before.Metadata;
    const changed = options.docker.length > 0 ? endpointFrom(options.docker, context) : undefined;
    const Endpoints = changed === undefined ? before.Endpoints : { ...before.Endpoints, docker: changed.endpoint };
    contexts.writeContext({ ...before, Metadata, Endpoints }, changed?.tls, context.env);
    await context.print(`${name}\n`);
    context.warn(`Successfully updated context "${name}"`);
    return 0;
  },
});

const LAYOUT = {
  headings: { Name: 'NAME', Description: 'DESCRIPTION', DockerEndpoint: 'DOCKER ENDPOINT', Error: 'ERROR' },
  columns: ['NameCell', 'Description', 'DockerEndpoint', 'Error'],
  quietField: 'Name',
  type: '*formatter.clientContextContext',
} satisfies Layout;

export const list = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    format: tableFormat(),
    quiet: flag.bool('-q, --quiet', 'Only show context names'),
  },
  async run({ options }, context) {
    const all = [
      {
        Name: DEFAULT_CONTEXT,
        Metadata: { Description: 'Current DOCKER_HOST based configuration' },
        host: ownHost(context),
      },
      ...contexts.allContexts(context.env).map((c) => ({ ...c, host: c.Endpoints.docker?.Host ?? '' })),
    ].toSorted((a, b) => naturalOrder(a.Name, b.Name));
    const inUse = (name: string) => name === context.contextName;
    const table = options.format === undefined || options.format === 'table';
    const rows = all.map(({ Name, Metadata, host }) => ({
      Name: () => Name,
      Description: () => Metadata.Description ?? '',
      DockerEndpoint: () => host,
      Current: () => inUse(Name),
      Error: () => '',
      ...(table ? { NameCell: () => (inUse(Name) ? `${Name} *` : Name) } : {}),
    }));
    const layout = { ...LAYOUT, headings: { ...LAYOUT.headings, NameCell: 'NAME' } };
    await printRows(context, rows, layout, options);
    const variable = ['DOCKER_HOST', 'WHARF_HOST'].find((v) => context.env[v]);
    if (variable !== undefined) {
      context.warn(
        `Warning: ${variable} environment variable overrides the active context. To use a context, either set the global --context flag, or unset ${variable} environment variable.`,
      );
    }
    return 0;
  },
});

export const use = command({
  usage: 'CONTEXT',
  arity: arity.exactly(1),
  options: {},
  async run({ args: [name = ''] }, context) {
    if (name !== DEFAULT_CONTEXT) {
      contexts.checkName(name);
      contexts.readContext(name, context.env);
    }
    const { currentContext: _, ...config } = readConfig(context.env);
    writeConfig(name === DEFAULT_CONTEXT ? config : { ...config, currentContext: name }, context.env);
    await context.print(`${name}\n`);
    context.warn(`Current context is now "${name}"`);
    const variable = ['WHARF_HOST', 'DOCKER_HOST', 'DOCKER_CONTEXT'].find((v) => context.env[v]);
    if (variable !== undefined && name !== DEFAULT_CONTEXT) {
      context.warn(
        `Warning: ${variable} environment variable overrides the active context. To use "${name}", either set the global --context flag, or unset ${variable} environment variable.`,
      );
    }
    return 0;
  },
});

export const show = command({
  usage: '',
  arity: arity.none,
  options: {},
  async run(_, context) {
    await context.print(`${context.contextName}\n`);
    return 0;
  },
});

export const inspect = command({
  usage: '[OPTIONS] [CONTEXT] [CONTEXT...]',
  arity: arity.any,
  options: { format: objectFormat() },
  run({ args, options }, context) {
    const names = args.length === 0 ? [context.contextName] : args;
    return showObjects(names, (name) => Promise.resolve(described(name, context)), options.format, context);
  },
});

export const remove = command({
  usage: 'CONTEXT [CONTEXT...]',
  arity: arity.atLeast(1),
  options: { force: flag.bool('-f, --force', 'Force the removal of a context in use') },
  async run({ args, options }, context) {
    const inUse = context.contextName;
    let code = 0;
    for (const name of args) {
      try {
        removeOne(name, inUse, options.force, context);
        await context.print(`${name}\n`);
      } catch (e) {
        code = 1;
        context.warn(messageOf(e));
      }
    }
    return code;
  },
});

function removeOne(name: string, inUse: string, force: boolean, context: CommandContext): void {
  if (name === DEFAULT_CONTEXT) throw new ExitError('context "default" cannot be removed', 1);
  if (name === inUse) {
    if (!force) throw new ExitError(`context "${name}" is in use, set -f flag to force remove`, 1);
    const { currentContext, ...config } = readConfig(context.env);
    if (currentContext === name) writeConfig(config, context.env);
  }
  if (!contexts.contextExists(name, context.env) && !force) throw new ExitError(`context "${name}" does not exist`, 1);
  contexts.removeContext(name, context.env);
}

/** The host that `default` stands for: of the environment, as no `-H` can name a context. */
function ownHost({ env }: CommandContext): string {
  return defaultHost(env);
}

/** A context by name; `default` is what the environment says. @throws {ExitError} */
export function loadContext(
  name: string,
  context: CommandContext,
): { meta: contexts.ContextMeta; tls: contexts.TlsFiles } {
  if (name === DEFAULT_CONTEXT) {
    const docker = { Host: ownHost(context), SkipTLSVerify: false };
    return { meta: { Name: name, Metadata: {}, Endpoints: { docker } }, tls: {} };
  }
  return { meta: contexts.readContext(name, context.env), tls: contexts.readTls(name, context.env) };
}

function described(name: string, context: CommandContext): unknown {
  const { meta, tls } = loadContext(name, context);
  const files = (['ca', 'cert', 'key'] as const).filter((k) => tls[k] !== undefined).map((k) => contexts.TLS_NAMES[k]);
  const own = name === DEFAULT_CONTEXT;
  const storage = own ? { meta: '<IN MEMORY>', tls: '<IN MEMORY>' } : contexts.storageOf(name, context.env);
  return {
    Name: meta.Name,
    Metadata: meta.Metadata,
    Endpoints: meta.Endpoints,
    TLSMaterial: files.length === 0 ? {} : { docker: files },
    Storage: { MetadataPath: storage.meta, TLSPath: storage.tls },
  };
}

/** `--docker host=...,ca=...`. @throws {ExitError} in docker's words */
function endpointFrom(
  texts: readonly string[],
  context: CommandContext,
): { endpoint: { Host?: string; SkipTLSVerify: boolean }; tls: contexts.TlsFiles } {
  const fail = (why: string, cause?: unknown) =>
    new ExitError(`unable to create docker endpoint config: ${why}`, 1, cause);
  const values = new Map<string, string>();
  for (const field of texts.flatMap(csvFields)) {
    const equals = field.indexOf('=');
    values.set(field.slice(0, equals), field.slice(equals + 1));
  }
  for (const key of values.keys()) {
    if (!['from', 'host', 'ca', 'cert', 'key', 'skip-tls-verify'].includes(key)) {
      throw fail(`unrecognized config key: ${key}`);
    }
  }
  const from = values.get('from');
  if (from !== undefined) {
    const { meta, tls } = loadContext(from, context);
    return { endpoint: { SkipTLSVerify: false, ...meta.Endpoints.docker }, tls };
  }
  const pem = (key: 'ca' | 'cert' | 'key') => {
    const path = values.get(key);
    if (path === undefined || path === '') return {};
    try {
      return { [key]: readFileSync(path.replace(/^~(?=\/)/, context.env['HOME'] ?? '~'), 'utf8') };
    } catch (e) {
      throw fail(`open ${path}: no such file or directory`, e);
    }
  };
  const skip = values.get('skip-tls-verify') ?? 'false';
  if (!/^(1|t|true|0|f|false)$/i.test(skip)) throw fail(`skip-tls-verify: parsing "${skip}": invalid syntax`);
  const host = values.get('host');
  if (host !== undefined && !host.includes('://')) {
    throw fail(`unable to apply docker endpoint options: unable to parse docker host \`${host}\``);
  }
  return {
    endpoint: { ...(host === undefined ? {} : { Host: host }), SkipTLSVerify: /^(1|t|true)$/i.test(skip) },
    tls: { ...pem('ca'), ...pem('cert'), ...pem('key') },
  };
}
