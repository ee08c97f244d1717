/** Where a syslog server listens. `local`: the first of this machine's own sockets that answers. */
export type SyslogAddress =
  | { readonly transport: 'local' }
  | { readonly transport: 'unix' | 'unixgram'; readonly path: string }
  | { readonly transport: 'udp' | 'tcp' | 'tcp+tls'; readonly host: string; readonly port: number };

/** Files in PEM form. */
export interface SyslogTls {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly skipVerify: boolean;
}

/** `unix` is what Docker writes unless told otherwise: no host name. */
export type SyslogFormat = 'unix' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';

export interface SyslogTarget {
  readonly kind: 'syslog';
  readonly address: SyslogAddress;
  readonly tls?: SyslogTls | undefined;
  readonly format: SyslogFormat;
  /** 0 (kern) to 23 (local7). */
  readonly facility: number;
  readonly tag: string;
  readonly hostname: string;
}

export interface JournaldTarget {
  readonly kind: 'journald';
  /** Path of journald's native socket. */
  readonly socket: string;
  /** Fields of every entry, beside its message and priority. */
  readonly fields: Readonly<Record<string, string>>;
}

/** To whom a container's output goes on beside its log file. */
export type LogForward = (SyslogTarget | JournaldTarget) & {
  /** A receiver that is slow, but there, holds the container up rather than losing lines. */
  readonly blocking: boolean;
};
