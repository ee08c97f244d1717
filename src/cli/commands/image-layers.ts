import type { ImageLayerReport } from '../../core/wire/image-layers.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { ellipsis, humanSize } from '../format/human.ts';

const MOST_BAR = 24;

export const imageLayers = command({
  usage: '[OPTIONS] IMAGE',
  arity: arity.exactly(1),
  description:
    'The topmost layer comes first. "Wasted" is what later layers replace or delete: it is stored and sent, and nobody\nsees it.',
  options: { json: flag.bool('--json', 'Print the layers as JSON, the lowest first') },
  async run({ args, options }, context) {
    const path = (args[0] ?? '').split('/').map(encodeURIComponent).join('/');
    const layers = (await context.client.request('GET', `/images/${path}/layers`)) as ImageLayerReport[];
    if (options.json) {
      await context.print(`${JSON.stringify(layers, undefined, 2)}\n`);
      return 0;
    }
    await context.print(drawStack(layers, context.stdout.isTTY === true ? (context.stdout.columns ?? 80) : 120));
    return 0;
  },
});

/** The layers as a stack, with bars in proportion to their sizes. */
function drawStack(layers: readonly ImageLayerReport[], columns: number): string {
  const largest = Math.max(1, ...layers.map(({ Size }) => Size));
  const total = layers.reduce((sum, { Size }) => sum + Size, 0);
  const wasted = layers.reduce((sum, { Wasted }) => sum + Wasted, 0);
  const lines = [...layers.entries()].reverse().flatMap(([i, layer]) => {
    const width = Math.round((layer.Size / largest) * MOST_BAR);
    const lost = Math.round((layer.Wasted / largest) * MOST_BAR);
    const bar = `${'█'.repeat(Math.max(0, width - lost))}${'░'.repeat(lost)}`.padEnd(MOST_BAR);
    const facts = [
      `+${layer.Added}`,
      `~${layer.Changed}`,
      `-${layer.Deleted}`,
      ...(layer.Wasted > 0 ? [`${humanSize(layer.Wasted, 3)} wasted`] : []),
    ].join('  ');
    const words = layer.CreatedBy.replace(/^\/bin\/sh -c (#\(nop\) *)?/, '')
      .replaceAll(/\s+/g, ' ')
      .trim();
    return [
      `${String(i + 1).padStart(3)} │${bar}│ ${humanSize(layer.Size, 3).padStart(7)}  ${facts}`,
      `    │${' '.repeat(MOST_BAR)}│ ${ellipsis(words === '' ? '(no command known)' : words, Math.max(20, columns - MOST_BAR - 8))}`,
    ];
  });
  const edge = '─'.repeat(MOST_BAR);
  const percent = total === 0 ? 0 : Math.round((wasted / total) * 100);
  return [
    `    ┌${edge}┐`,
    ...lines,
    `    └${edge}┘`,
    `${layers.length} layers, ${humanSize(total, 3)}, ${humanSize(wasted, 3)} wasted (${percent} %)`,
    '',
  ].join('\n');
}
