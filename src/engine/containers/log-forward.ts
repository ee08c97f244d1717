import { hostname } from 'node:os';
import { shortId } from '../../core/ids.ts';
import { messageOf } from '../../core/errors.ts';
import { type JournaldTarget, type LogForward, tryReceiver } from '../../runtime/index.ts';
import { StartError } from '../errors.ts';
import { logTag, logVariables } from './log-attributes.ts';
import { syslogTarget } from './log-syslog.ts';
import type { ContainerRecord } from './record.ts';

const JOURNAL_SOCKET = '/run/systemd/journal/socket';

/** To whom a container's output goes on; `undefined`: it stays in its file. */
export function logForward(record: ContainerRecord): LogForward | undefined {
  const { Type, Config } = record.hostConfig.LogConfig ?? {};
  const options = Config ?? {};
  const blocking = options['mode'] !== 'non-blocking';
  if (Type === 'syslog') return { ...syslogTarget(options, { tag: logTag(record), hostname: hostname() }), blocking };
  if (Type === 'journald') return { ...journal(record), blocking };
  return undefined;
}

/** Docker starts no container whose receiver is not there. @throws {StartError} */
export async function checkReceiver(target: LogForward): Promise<void> {
  try {
    await tryReceiver(target);
  } catch (cause) {
    const reason = target.kind === 'journald' ? 'journald is not enabled on this host' : messageOf(cause);
    throw new StartError(
      'internal',
      `failed to create task for container: failed to initialize logging driver: ${reason}`,
      128,
      { cause },
    );
  }
}

function journal(record: ContainerRecord): JournaldTarget {
  const { id, name, config } = record;
  const tag = logTag(record);
  const own = {
    CONTAINER_ID: shortId(id),
    CONTAINER_ID_FULL: id,
    CONTAINER_NAME: name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: config.Image ?? '',
    SYSLOG_IDENTIFIER: tag,
  };
  const asked = Object.entries(logVariables(record)).map(([key, value]) => [journalKey(key), value] as const);
  return { kind: 'journald', socket: JOURNAL_SOCKET, fields: { ...Object.fromEntries(asked), ...own } };
}

/** As journald wants keys: capital letters, digits and underscores, beginning with a letter. */
function journalKey(key: string): string {
  return key
    .toUpperCase()
    .replace(/[^A-Z0-9_]/g, '_')
    .replace(/^_+/, '');
}
