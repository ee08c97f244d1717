import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf } from '../core/errors.ts';
import { passwordMatches } from '../linux/index.ts';
import { serveRegistry } from '../registry/index.ts';
import { createLogger } from './daemon/logging.ts';

// `wharf registry serve` has checked its flags and becomes this program.
await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string', default: '/var/lib/wharf-registry' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '5000' },
      auth: { type: 'string' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      proxy: { type: 'string' },
      'read-only': { type: 'boolean', default: false },
      'gc-grace-ms': { type: 'string', default: '3600000' },
      'gc-interval-ms': { type: 'string', default: '3600000' },
      debug: { type: 'boolean', default: false },
    },
  });
  const log = createLogger({ level: values.debug ? 'debug' : 'info', format: 'text' });
  try {
    const { 'tls-cert': cert, 'tls-key': key } = values;
    const tls =
      cert === undefined || key === undefined
        ? undefined
        : { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    const stopping = nextSignal();
    const registry = await serveRegistry({
      data: values.data,
      host: values.host,
      port: Number(values.port),
      tls,
      htpasswd: values.auth,
      verifyPassword: passwordMatches,
      proxy: values.proxy,
      readOnly: values['read-only'],
      graceMs: Number(values['gc-grace-ms']),
      collectEveryMs: Number(values['gc-interval-ms']),
      log,
    });
    process.on('SIGUSR1', () => {
      registry.collect().catch((e: unknown) => log.error('garbage collection failed', { error: messageOf(e) }));
    });
    process.stdout.write(`wharf registry ready at ${registry.url}\n`);
    await stopping;
    await registry[Symbol.asyncDispose]();
    process.exit(0);
  } catch (e) {
    process.stderr.write(`wharf registry: ${messageOf(e)}\n`);
    process.exit(1);
  }
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve());
  });
}
