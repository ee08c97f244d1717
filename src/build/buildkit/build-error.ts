import { messageOf, WharfError } from '../../core/errors.ts';
import { CommandFailed } from '../errors.ts';
import { CODE, RpcError } from './grpc/status.ts';

/** Where a client finds the lines that an error is about. @see moby/buildkit solver/errdefs/source.go */
const SOURCE = 'github.com/moby/buildkit/errdefs.Source+json';

/** A failed build in BuildKit's words, with the Dockerfile's lines for the client to show. */
export function buildError(e: unknown, filename: string, dockerfile: string): RpcError {
  if (e instanceof RpcError) return e;
  const at = e instanceof WharfError ? e.context.at : undefined;
  const details: RpcError['details'] = [];
  if (at !== undefined) {
    const range = { start: { line: at.line }, end: { line: at.line } };
    const source = { info: { filename, data: Buffer.from(dockerfile).toString('base64') }, ranges: [range] };
    details.push({ typeUrl: SOURCE, value: Buffer.from(JSON.stringify(source)) });
  }
  return new RpcError(CODE.unknown, wordsOf(e), details);
}

function wordsOf(e: unknown): string {
  if (!(e instanceof CommandFailed)) return messageOf(e);
  const command = /^The command '(.*)' returned a non-zero code: \d+$/s.exec(e.message)?.[1] ?? '';
  return `process ${JSON.stringify(command)} did not complete successfully: exit code: ${e.exitCode}`;
}
