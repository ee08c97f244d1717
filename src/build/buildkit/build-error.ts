import { messageOf, WharfError } from '../../core/errors.ts';
import { CODE, RpcError } from './grpc/status.ts';

/** Where a client finds the lines that an error is about. @see moby/buildkit solver/errdefs/source.go */
const SOURCE = 'github.com/moby/buildkit/errdefs.Source+json';

/** A failed build in BuildKit's words, with the Dockerfile's lines for the client to show. */
export function buildError(e: unknown, filename: string, dockerfile: string): RpcError {
  if (e instanceof RpcError) return e;
  const at = e instanceof WharfError ? e.context.at : undefined;
  const details: RpcError['details'] = [];
  if (at !== undefined) {
    const range = { start: { line: at.line }, end: { line: at.lastLine ?? at.line } };
    const source = { info: { filename, data: Buffer.from(dockerfile).toString('base64') }, ranges: [range] };
    details.push({ typeUrl: SOURCE, value: Buffer.from(JSON.stringify(source)) });
  }
  return new RpcError(CODE.unknown, buildKitWords(messageOf(e)), details);
}

/** BuildKit's words for a command that failed; other texts as they are. */
export function buildKitWords(text: string): string {
  const [, command, code] = /^The command '(.*)' returned a non-zero code: (\d+)$/s.exec(text) ?? [];
  if (command === undefined) return text;
  return `process ${JSON.stringify(command)} did not complete successfully: exit code: ${code}`;
}
