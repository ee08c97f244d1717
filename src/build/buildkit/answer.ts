import { checkResult } from '../../core/wire/build-check.ts';
import type { FrontendResult } from './frontend.ts';

/**
 * The answer to `docker build --check` and `--call outline|targets`, for the client to show.
 * @see moby/buildkit frontend/subrequests
 */
export function answerMetadata({ dockerfile, warnings, description }: FrontendResult): Record<string, Buffer> {
  const version = Buffer.from('1.0.0');
  if (description !== undefined) return { 'result.json': Buffer.from(JSON.stringify(description, null, 2)), version };
  const result = checkResult(warnings, dockerfile);
  const lines = warnings.map(({ rule, message, line }) => `${dockerfile.filename}:${line} ${rule}: ${message}\n`);
  return {
    'result.json': Buffer.from(JSON.stringify(result)),
    'result.txt': Buffer.from(lines.join('')),
    'result.statuscode': Buffer.from(warnings.length > 0 ? '1' : '0'),
    version,
  };
}
