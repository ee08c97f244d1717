import { ApiError } from '../client/index.ts';
import { nearest } from '../core/nearest.ts';
import type { CommandContext } from './command.ts';

/** What the engine says of a name that it does not know, and of what kind the name is. */
const UNKNOWN = [
  [/No such container: (\S+)$/, 'container'],
  [/No such image: (\S+?)(?::latest)?$/, 'image'],
  [/network (\S+) not found$/, 'network'],
  [/get (\S+): no such volume$/, 'volume'],
] as const;

/** `Did you mean "web"?` for a name that was mistyped; `undefined` where nothing is near. Never fails. */
export async function suggestionFor(e: unknown, context: CommandContext): Promise<string | undefined> {
  const cause = e instanceof Error && !(e instanceof ApiError) ? e.cause : e;
  if (!(cause instanceof ApiError) || cause.status !== 404) return undefined;
  for (const [pattern, kind] of UNKNOWN) {
    const typed = pattern.exec(cause.message)?.[1];
    if (typed === undefined) continue;
    return suggestionAmong(kind, typed, context);
  }
  return undefined;
}

/** The same for a name of which only the kind is known; `object` is any. */
export async function suggestionAmong(
  kind: 'container' | 'image' | 'network' | 'volume' | 'object',
  typed: string,
  context: CommandContext,
): Promise<string | undefined> {
  const { candidatesOf } = await import('./completion/names.ts');
  const known = (await candidatesOf(kind, context)).map((c) => c.word);
  const near = nearest(typed, known);
  return near === undefined || near === typed ? undefined : `Did you mean "${near}"?`;
}
