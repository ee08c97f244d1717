import { existsSync } from 'node:fs';
import { invalidParameter } from '../../core/errors.ts';
import type { SyslogAddress, SyslogFormat, SyslogTarget } from '../../runtime/index.ts';

type Options = Readonly<Record<string, string>>;

const DEFAULT_PORT = 514;

export const SYSLOG_OPTIONS = [
  'syslog-address',
  'syslog-facility',
  'syslog-format',
  'syslog-tls-ca-cert',
  'syslog-tls-cert',
  'syslog-tls-key',
  'syslog-tls-skip-verify',
];

/** Facilities by number (RFC 5424, 6.2.1); what stands between ftp and local0 has no name. */
const FACILITIES = [
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp'.split(' '),
  ['', '', '', ''],
  Array.from({ length: 8 }, (_, n) => `local${n}`),
].flat();

const FORMATS: Readonly<Record<string, SyslogFormat>> = {
  '': 'unix',
  rfc3164: 'rfc3164',
  rfc5424: 'rfc5424',
  rfc5424micro: 'rfc5424micro',
};

/** @throws {WharfError} `INVALID_PARAMETER` */
export function checkSyslogOptions(options: Options): void {
  syslogTarget(options, { tag: '', hostname: '' });
}

/** What a container's `--log-opt syslog-...` mean. @throws {WharfError} `INVALID_PARAMETER` */
export function syslogTarget(
  options: Options,
  { tag, hostname }: { readonly tag: string; readonly hostname: string },
): SyslogTarget {
  const address = addressOf(options['syslog-address'] ?? '');
  const format = FORMATS[options['syslog-format'] ?? ''];
  if (format === undefined) throw invalidParameter({ message: 'Invalid syslog format' });
  return {
    kind: 'syslog',
    address,
    format,
    facility: facilityOf(options['syslog-facility'] ?? ''),
    tag,
    hostname,
    tls:
      address.transport === 'tcp+tls'
        ? {
            caFile: options['syslog-tls-ca-cert'],
            certFile: options['syslog-tls-cert'],
            keyFile: options['syslog-tls-key'],
            // Docker takes any value for yes.
            skipVerify: options['syslog-tls-skip-verify'] !== undefined,
          }
        : undefined,
  };
}

function facilityOf(text: string): number {
  if (text === '') return FACILITIES.indexOf('daemon');
  const named = FACILITIES.indexOf(text);
  if (named >= 0) return named;
  if (/^\d{1,2}$/.test(text) && Number(text) <= 23) return Number(text);
  throw invalidParameter({ message: 'invalid syslog facility' });
}

function addressOf(text: string): SyslogAddress {
  if (text === '') return { transport: 'local' };
  const scheme = /^([a-z+]+):\/\//.exec(text)?.[1] ?? '';
  if (scheme === 'unix' || scheme === 'unixgram') {
    const path = text.slice(scheme.length + '://'.length);
    if (!path.startsWith('/') || path.includes('\0')) {
      throw invalidParameter({ message: `invalid syslog-address "${text}": an absolute path is expected` });
    }
    if (!existsSync(path)) throw invalidParameter({ message: `stat ${path}: no such file or directory` });
    return { transport: scheme, path };
  }
  if (scheme !== 'udp' && scheme !== 'tcp' && scheme !== 'tcp+tls') {
    throw invalidParameter(
      { message: `unsupported scheme: '${scheme}'` },
      { hint: 'write it as udp://HOST:PORT, tcp://HOST:PORT, tcp+tls://HOST:PORT, unix:///PATH or unixgram:///PATH' },
    );
  }
  const match = /^[a-z+]+:\/\/(\[[0-9a-fA-F:.]+\]|[^:/\s]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const host = match?.[1]?.replace(/^\[|\]$/g, '');
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  if (host === undefined || port < 1 || port > 65535) {
    throw invalidParameter({ message: `invalid syslog-address "${text}": HOST:PORT is expected behind ${scheme}://` });
  }
  return { transport: scheme, host, port };
}
