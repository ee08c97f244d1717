import { shortId } from '../../core/ids.ts';
import type { ImageSummary } from '../../core/wire/resources.ts';
import type { Layout, Row } from './formatter.ts';
import { ago, goTime, humanSize } from './human.ts';

const NONE = '<none>';

export const IMAGE_LAYOUT = {
  headings: {
    ID: 'IMAGE ID',
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Digest: 'DIGEST',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    Size: 'SIZE',
    Containers: 'CONTAINERS',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
    VirtualSize: 'SIZE',
  },
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'],
  quietField: 'ID',
  type: '*formatter.imageContext',
  raw: 'repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n',
  quietRaw: 'image_id: {{.ID}}',
} satisfies Layout;

interface Name {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** One row for each name; with digests, one for each pair of the two that belong to one repository. */
export function namesOf(image: ImageSummary, byDigest: boolean): Name[] {
  const digests = new Map<string, string[]>();
  for (const text of image.RepoDigests ?? []) {
    const at = text.indexOf('@');
    const repository = text.slice(0, at);
    if (repository !== NONE) digests.set(repository, [...(digests.get(repository) ?? []), text.slice(at + 1)]);
  }
  const names: Name[] = [];
  for (const text of image.RepoTags ?? []) {
    const colon = text.lastIndexOf(':');
    const repository = text.slice(0, colon);
    const tag = text.slice(colon + 1);
    if (repository === NONE) continue;
    const of = byDigest ? (digests.get(repository) ?? []) : [];
    digests.delete(repository);
    if (of.length === 0) names.push({ repository, tag, digest: NONE });
    for (const digest of of) names.push({ repository, tag, digest });
  }
  for (const [repository, of] of digests) {
    if (byDigest) for (const digest of of) names.push({ repository, tag: NONE, digest });
    else names.push({ repository, tag: NONE, digest: NONE });
  }
  return names.length === 0 ? [{ repository: NONE, tag: NONE, digest: NONE }] : names;
}

export function imageRow(image: ImageSummary, name: Name, full: boolean, now: Date): Row {
  const size = (bytes: number) => (bytes < 0 ? 'N/A' : humanSize(bytes, 3));
  const whole = (bytes: number) => (bytes < 0 ? 'N/A' : humanSize(bytes));
  return {
    ID: () => (full ? image.Id : shortId(image.Id)),
    Repository: () => name.repository,
    Tag: () => name.tag,
    Digest: () => name.digest,
    CreatedSince: () => (image.Created <= 0 ? 'N/A' : ago(image.Created, now)),
    CreatedAt: () => goTime(image.Created),
    Size: () => size(image.Size),
    VirtualSize: () => humanSize(image.Size),
    Containers: () => (image.Containers < 0 ? 'N/A' : String(image.Containers)),
    SharedSize: () => whole(image.SharedSize),
    UniqueSize: () => (image.SharedSize < 0 ? 'N/A' : whole(image.Size - image.SharedSize)),
    Label: (key: string) => image.Labels?.[key] ?? '',
  };
}
