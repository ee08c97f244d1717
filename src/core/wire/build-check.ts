import type { BuildWarning } from './build.ts';

/** What a check of a Dockerfile found, in the words of BuildKit's `frontend.lint`. */
export function checkResult(
  warnings: readonly BuildWarning[],
  dockerfile: { readonly filename: string; readonly text: string },
): unknown {
  return {
    warnings: warnings.map(({ rule, description, url, message, line, lastLine = line }) => {
      const ranges = [{ start: { line }, end: { line: lastLine } }];
      return { ruleName: rule, description, url, detail: message, location: { sourceIndex: 0, ranges } };
    }),
    sources: [{ filename: dockerfile.filename, data: Buffer.from(dockerfile.text).toString('base64') }],
  };
}
