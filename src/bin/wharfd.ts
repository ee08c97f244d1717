import { errnoOf, messageOf } from '../core/errors.ts';
import { type Daemon, startDaemon } from './daemon/daemon.ts';
import { createLogger } from './daemon/logging.ts';
import { readSettings } from './daemon/options.ts';

await main();

async function main(): Promise<void> {
  let log = createLogger({ level: 'info', format: 'text' });
  try {
    const settings = readSettings(process.argv.slice(2));
    log = createLogger({ level: settings.logLevel, format: settings.logFormat });
    watchForBugs();
    process.on('SIGHUP', () => log.info('SIGHUP came before the daemon was ready'));
    const stopping = nextSignal();
    const daemon = await startDaemon(settings, process.argv[1] ?? '', log);
    process.stdout.write(`${daemon.readyLine}\n`);
    process.removeAllListeners('SIGHUP');
    process.on('SIGHUP', () => reload(daemon));
    const signal = await stopping;
    log.info('stopping', { signal });
    void nextSignal().then(() => {
      log.warn('stopping now: containers are killed');
      void daemon.hurry();
      void nextSignal().then(() => process.exit(1));
    });
    await daemon.stop();
    log.info('stopped');
    process.exit(0);
  } catch (e) {
    const cause = e instanceof SuppressedError ? e.suppressed : e;
    process.stderr.write(`wharfd: ${messageOf(cause)}\n`);
    log.debug('could not go on', { stack: e instanceof Error ? e.stack : undefined });
    process.exit(1);
  }

  /** Mistakes in the program must be seen; containers and other requests must not suffer for them. */
  function watchForBugs(): void {
    process.on('unhandledRejection', (e) => {
      log.error('unhandled rejection', { error: messageOf(e), stack: e instanceof Error ? e.stack : undefined });
    });
    process.on('uncaughtException', (e) => {
      log.error('uncaught exception', { error: messageOf(e), stack: e.stack });
      // A connection that broke where nobody listened says nothing about the rest of the program; anything else does.
      if (!['EPIPE', 'ECONNRESET'].includes(errnoOf(e) ?? '')) process.exit(1);
    });
  }

  /** Reads the configuration again. What is wrong in it changes nothing. */
  function reload(daemon: Daemon): void {
    try {
      const settings = readSettings(process.argv.slice(2));
      log.setLevel(settings.logLevel);
      daemon.reload(settings);
      log.info('configuration read again');
    } catch (e) {
      log.error('the configuration could not be read again; nothing was changed', { error: messageOf(e) });
    }
  }
}

/** The next SIGTERM or SIGINT from now on. */
function nextSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const heard = (signal: NodeJS.Signals) => {
    process.removeListener('SIGTERM', heard);
    process.removeListener('SIGINT', heard);
    resolve(signal);
  };
  process.on('SIGTERM', heard);
  process.on('SIGINT', heard);
  return promise;
}
