import type { ProgressMessage } from '../../core/wire/resources.ts';
import { composeFailed } from '../errors.ts';

/** @throws {WharfError} `COMPOSE_FAILED` when the stream reports a failure */
export function failOn(message: ProgressMessage, before = ''): void {
  const text = message.errorDetail?.message ?? message.error;
  if (text !== undefined) throw composeFailed({ message: `${before}${text}` });
}
