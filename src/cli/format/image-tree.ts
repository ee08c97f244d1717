import { styleText } from 'node:util';
import { shortId } from '../../core/ids.ts';
import type { ImageManifestSummary, ImageSummary } from '../../core/wire/resources.ts';
import { humanSize } from './human.ts';

interface Line {
  readonly name: string;
  readonly style: 'name' | 'part' | 'absent';
  readonly details?: readonly [id: string, diskUsage: string, contentSize: string, extra: string];
}

const GAP = '   ';
const WARNING = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";

/** `images --tree`: the images, each with what it has for each platform, and which are in use. */
export function imageTree(
  images: readonly ImageSummary[],
  { columns, colour }: { readonly columns: number; readonly colour: boolean },
): string {
  const blocks = images.toSorted((a, b) => b.Created - a.Created).map(linesOf);
  const spaced = images.some((image) => partsOf(image).length > 0);
  const nameWidth = Math.max('IMAGE'.length, ...blocks.flat().map((line) => Buffer.byteLength(line.name)));
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  const row = (cells: readonly string[]) =>
    [
      (cells[0] ?? '').padEnd(nameWidth),
      (cells[1] ?? '').padEnd(12),
      (cells[2] ?? '').padStart(10),
      (cells[3] ?? '').padStart(12),
      (cells[4] ?? '').padEnd(5),
    ].join(GAP);
  const shown = ({ name, style: kind, details }: Line) => {
    const text = details === undefined ? name : row([name, ...details]);
    if (kind === 'absent') return style('dim', text);
    return kind === 'name' ? style(['blue', 'bold'], name) + text.slice(name.length) : text;
  };
  const legend = 'Info ->  U In Use ';
  const heading = ['IMAGE'.padEnd(nameWidth), 'ID'.padEnd(12), 'DISK USAGE', 'CONTENT SIZE', 'EXTRA'].join(GAP);
  return [
    style('yellow', WARNING),
    legend.padStart(columns),
    '',
    style('bold', heading),
    ...blocks.flatMap((block) => [...block.map(shown), ...(spaced ? [''] : [])]),
    '',
  ].join('\n');
}

function linesOf(image: ImageSummary): Line[] {
  const names = (image.RepoTags ?? []).filter((name) => name !== '<none>:<none>');
  const parts = partsOf(image);
  const content = parts.reduce((sum, part) => sum + part.Size.Content, 0);
  const used = image.Containers > 0 || parts.some(isUsed);
  const details = [shortId(image.Id), size(image.Size), size(content), used ? 'U' : ''] as const;
  const all = names.length === 0 ? ['<untagged>'] : names;
  return [
    ...all.map((name, i): Line => ({ name, style: 'name', ...(i === all.length - 1 ? { details } : {}) })),
    ...parts.map(
      (part, i): Line => ({
        name: `${i === parts.length - 1 ? '└─' : '├─'} ${platformOf(part)}`,
        style: part.Available ? 'part' : 'absent',
        details: [shortId(part.ID), size(part.Size.Total), size(part.Size.Content), isUsed(part) ? 'U' : ''],
      }),
    ),
  ];
}

function partsOf({ Manifests }: ImageSummary): readonly ImageManifestSummary[] {
  return (Manifests ?? []).filter((manifest) => manifest.Kind === 'image');
}

function isUsed({ ImageData }: ImageManifestSummary): boolean {
  return (ImageData?.Containers?.length ?? 0) > 0;
}

function platformOf({ ImageData }: ImageManifestSummary): string {
  const { os, architecture, variant } = ImageData?.Platform ?? { os: 'unknown', architecture: 'unknown' };
  return [os, architecture, ...(variant ? [variant] : [])].join('/');
}

function size(bytes: number): string {
  return humanSize(bytes, 3);
}
