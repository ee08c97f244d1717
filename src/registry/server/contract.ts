import type { Logger } from '../../core/log.ts';
import type { VerifyPassword } from './access.ts';

/** A registry of one's own (OCI distribution-spec 1.1): what it needs to know. */
export interface RegistryServerOptions {
  /** Directory of its data; made if it is missing. */
  readonly data: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Path of a file that htpasswd wrote; `undefined`: everybody may do everything. */
  readonly htpasswd: string | undefined;
  readonly verifyPassword: VerifyPassword;
  /** Makes this a pull-through cache of another registry; nothing can be pushed then. */
  readonly proxy: string | undefined;
  readonly readOnly: boolean;
  /** How long a blob without a manifest, or an upload nobody continues, is kept. */
  readonly graceMs: number;
  /** Time between two garbage collections; 0: only when asked. */
  readonly collectEveryMs: number;
  readonly log: Logger;
}

export interface RegistryServer extends AsyncDisposable {
  /** `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Collects garbage now. */
  collect(): Promise<void>;
}
