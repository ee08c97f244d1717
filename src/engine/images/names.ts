import { familiar, invalidReference, parseReference, type Reference, withDefaultTag } from '../../core/reference.ts';
import { reservedName } from './errors.ts';

/** A name to give: `latest` if it has no tag. @throws {WharfError} `INVALID_REFERENCE`, `RESERVED_NAME` */
export function tagReference(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined)
    throw invalidReference({ text, why: 'refusing to create a tag with a digest reference' });
  if (familiar({ ...reference, tag: undefined }) === 'scratch') throw reservedName({ name: 'scratch' });
  return withDefaultTag(reference);
}

/** The name that `repo` and `tag` of a request give; none if `repo` is empty. */
export function requestedName({
  repository,
  tag,
}: {
  readonly repository: string;
  readonly tag: string;
}): Reference | undefined {
  if (repository === '') return undefined;
  return tagReference(tag === '' ? repository : `${repository}:${tag}`);
}

export function sameRepository(a: Reference, b: Reference): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}
