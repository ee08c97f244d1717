import type { Writable } from 'node:stream';
import { canonical, familiar, parseReference, withDefaultTag } from '../core/reference.ts';
import type { CommandContext } from './command.ts';
import { showProgress } from './progress.ts';
import { authFor } from './registry-auth.ts';

interface PullOptions {
  readonly quiet: boolean;
  readonly platform: string | undefined;
  readonly out: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

/**
 * Pulls one image (`latest` if it names neither tag nor digest).
 * @returns its full name
 */
export async function pullImage(image: string, options: PullOptions, context: CommandContext): Promise<string> {
  const reference = withDefaultTag(parseReference(image));
  const auth = await authFor(reference.registry, context.env);
  const messages = context.client.images.pull(familiar({ ...reference, tag: undefined, digest: undefined }), {
    tag: reference.digest ?? reference.tag ?? 'latest',
    ...(options.platform ? { platform: options.platform } : {}),
    ...(auth === undefined ? {} : { auth }),
  });
  if (options.quiet) {
    for await (const m of messages) if (m.error !== undefined) throw new Error(m.errorDetail?.message ?? m.error);
  } else await showProgress(messages, options.out);
  return canonical(reference);
}
