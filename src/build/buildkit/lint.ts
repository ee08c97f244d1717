import type { FrontendResult } from './frontend.ts';

/** What a check of a Dockerfile found, for `docker build --check`. @see moby/buildkit frontend/subrequests/lint */
export function lintMetadata({ dockerfile, warnings }: FrontendResult): Record<string, Buffer> {
  const result = {
    warnings: warnings.map(({ rule, description, url, message, line }) => {
      const ranges = [{ start: { line }, end: { line } }];
      return { ruleName: rule, description, url, detail: message, location: { sourceIndex: 0, ranges } };
    }),
    sources: [{ filename: dockerfile.filename, data: Buffer.from(dockerfile.text).toString('base64') }],
  };
  const lines = warnings.map(({ rule, message, line }) => `${dockerfile.filename}:${line} ${rule}: ${message}\n`);
  return {
    'result.json': Buffer.from(JSON.stringify(result)),
    'result.txt': Buffer.from(lines.join('')),
    'result.statuscode': Buffer.from(warnings.length > 0 ? '1' : '0'),
    version: Buffer.from('1.0.0'),
  };
}
