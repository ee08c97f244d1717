import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { arity, command } from '../command.ts';
import { UsageError } from '../errors.ts';
import { flag } from '../flags.ts';

const NANOS_PER_MS = 1e6;

export const registryServe = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  description:
    'Serves images to everything that speaks the OCI distribution protocol. Ends at Ctrl-C or SIGTERM;\nSIGUSR1 collects garbage at once. Metrics for Prometheus are at /metrics.',
  options: {
    auth: flag.string('--auth', 'Let in only the users of this htpasswd file (htpasswd -B)', { type: 'file' }),
    data: flag.string('--data', 'Where images are kept', { type: 'dir', default: '"/var/lib/wharf-registry"' }),
    debug: flag.bool('-D, --debug', 'Log every request'),
    grace: flag.duration('--gc-grace', 'How long a blob waits for a manifest that names it', { default: '1h' }),
    interval: flag.duration('--gc-interval', 'Time between garbage collections; 0 for never', { default: '1h' }),
    listen: flag.string('--listen', 'Address to listen on', { type: 'address', default: '"127.0.0.1:5000"' }),
    proxy: flag.string('--proxy', 'Be a pull-through cache of this registry', { type: 'url' }),
    readOnly: flag.bool('--read-only', 'Refuse pushes and deletions'),
    tlsCert: flag.string('--tls-cert', 'Certificate (PEM)', { type: 'file' }),
    tlsKey: flag.string('--tls-key', 'Its key (PEM)', { type: 'file' }),
  },
  async run({ options }, context) {
    if ((options.tlsCert === undefined) !== (options.tlsKey === undefined)) {
      throw new UsageError('--tls-cert and --tls-key belong together', 125);
    }
    const { host, port } = listenAddress(options.listen ?? '127.0.0.1:5000');
    const path = (name: string, value: string | undefined): string[] =>
      value === undefined ? [] : [`--${name}`, resolve(context.cwd, value)];
    const span = (name: string, nanos: number | undefined): string[] =>
      nanos === undefined ? [] : [`--${name}`, String(Math.round(nanos / NANOS_PER_MS))];
    const args = [
      '--host',
      host,
      '--port',
      port,
      ...path('data', options.data),
      ...path('auth', options.auth),
      ...path('tls-cert', options.tlsCert),
      ...path('tls-key', options.tlsKey),
      ...(options.proxy === undefined ? [] : ['--proxy', options.proxy]),
      ...span('gc-grace-ms', options.grace),
      ...span('gc-interval-ms', options.interval),
      ...(options.readOnly ? ['--read-only'] : []),
      ...(options.debug ? ['--debug'] : []),
    ];
    return become([...serverCommand(), ...args], context.env);
  },
});

/** `host:port`, `:port` or `[::1]:port`. @throws {UsageError} */
function listenAddress(text: string): { readonly host: string; readonly port: string } {
  const m = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (!m || Number(m[3]) > 65535) throw new UsageError(`invalid address "${text}": HOST:PORT is expected`, 125);
  return { host: m[1] ?? (m[2] || '0.0.0.0'), port: m[3] ?? '' };
}

/** The program that serves, beside this one: the bundle's beside the bundle, the source's beside the source. */
function serverCommand(): readonly string[] {
  const program = realpathSync(process.argv[1] ?? fileURLToPath(import.meta.url));
  return [
    process.execPath,
    ...process.execArgv.filter((flag) => flag.startsWith('--no-concurrent')),
    '--disable-warning=ExperimentalWarning',
    program.replace(/wharf(\.[jt]s)$/, 'wharf-registry$1'),
  ];
}

/** Puts another program in the place of this one, so that signals, terminal and exit code are its own. */
function become(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): never {
  process.removeAllListeners('warning'); // execve is marked as experimental
  const set = Object.entries(env).filter((e): e is [string, string] => e[1] !== undefined);
  if (process.execve === undefined) throw new Error('this Node cannot replace its own process');
  return process.execve(argv[0] ?? '', argv, Object.fromEntries(set));
}
