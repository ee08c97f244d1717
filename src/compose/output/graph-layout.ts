import type { Project } from '../model/project.ts';
import { factsOf, layers } from './graph-layers.ts';

/** The pieces of a drawing, the earlier below the later. Coordinates in pixels from the upper left. */
export type Shape =
  | {
      readonly kind: 'box';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly fill: string;
      readonly stroke: string;
      readonly round: number;
      readonly dashed?: boolean;
    }
  | { readonly kind: 'dot'; readonly x: number; readonly y: number; readonly radius: number; readonly fill: string }
  | { readonly kind: 'text'; readonly x: number; readonly y: number; readonly text: string; readonly bold?: boolean }
  /** From the upper side of what needs to the lower side of what is needed. */
  | {
      readonly kind: 'arrow';
      readonly x1: number;
      readonly y1: number;
      readonly x2: number;
      readonly y2: number;
      readonly stroke: string;
    }
  | {
      readonly kind: 'line';
      readonly x1: number;
      readonly y1: number;
      readonly x2: number;
      readonly y2: number;
      readonly stroke: string;
    };

export interface Drawing {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly shapes: readonly Shape[];
}

/** Width of a letter, distance of lines, room between boxes. */
const CHARACTER = 7.3;
const LINE = 18;
const GAP = 48;
const NETWORK_COLOURS = ['#c2410c', '#15803d', '#7e22ce', '#0e7490', '#b91c1c', '#a16207', '#4338ca', '#be185d'];
const INK = '#5b7fa6';

interface Box {
  readonly name: string;
  readonly lines: readonly string[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Rows of services, each below what it needs; at the foot the named volumes, joined with those who mount them, and the
 * networks, whose colours the services carry as dots.
 */
export function drawing(project: Project): Drawing {
  const services = new Map<string, Box>();
  let y = GAP;
  for (const row of layers(project)) {
    const boxes = inRow(
      row.map((name) => ({ name, lines: factsOf(project.services[name] ?? {}) })),
      y,
    );
    for (const box of boxes) services.set(box.name, box);
    y = bottom(boxes, y);
  }
  const volumes = inRow(
    Object.entries(project.volumes)
      .sort(byName)
      .map(([name, v]) => ({ name, lines: [v.external ? 'volume, external' : 'volume'] })),
    y,
  );
  y = bottom(volumes, y);
  const networks = inRow(
    Object.entries(project.networks)
      .sort(byName)
      .map(([name, n]) => ({
        name,
        lines: [`network${n.external ? ', external' : n.internal ? ', internal' : ''}`],
      })),
    y,
  );
  y = bottom(networks, y);
  const colours = new Map(networks.map((n, i) => [n.name, NETWORK_COLOURS[i % NETWORK_COLOURS.length] ?? INK]));
  const all = [...services.values(), ...volumes, ...networks];
  return {
    title: project.name,
    width: Math.max(2 * GAP, ...all.map((b) => b.x + b.width + GAP)),
    height: y,
    shapes: [
      ...mounts(project, services, volumes),
      ...needs(project, services),
      ...[...services.values()].flatMap((box) => [
        ...drawn(box, '#f4f7fb', INK),
        ...Object.keys(project.services[box.name]?.networks ?? {})
          .sort()
          .map(
            (network, i): Shape => ({
              kind: 'dot',
              x: box.x + box.width - 12 - i * 12,
              y: box.y,
              radius: 5,
              fill: colours.get(network) ?? INK,
            }),
          ),
      ]),
      ...volumes.flatMap((box) => drawn(box, '#fdf8ec', '#a98a3c', true)),
      ...networks.flatMap((box) => drawn(box, '#ffffff', colours.get(box.name) ?? INK)),
    ],
  };
}

function inRow(things: readonly { readonly name: string; readonly lines: readonly string[] }[], y: number): Box[] {
  let x = GAP;
  return things.map(({ name, lines }) => {
    const longest = Math.max(name.length + 2, ...lines.map((l) => Array.from(l).length));
    const width = Math.round(longest * CHARACTER) + 24;
    const box = { name, lines, x, y, width, height: (lines.length + 1) * LINE + 16 };
    x += width + GAP;
    return box;
  });
}

function bottom(boxes: readonly Box[], y: number): number {
  return boxes.length === 0 ? y : Math.max(...boxes.map((b) => b.y + b.height)) + GAP;
}

function drawn(box: Box, fill: string, stroke: string, dashed = false): Shape[] {
  const { x, y, width, height } = box;
  return [
    { kind: 'box', x, y, width, height, fill, stroke, round: 6, dashed },
    { kind: 'text', x: x + 12, y: y + 22, text: box.name, bold: true },
    ...box.lines.map((text, i): Shape => ({ kind: 'text', x: x + 12, y: y + 22 + (i + 1) * LINE, text })),
  ];
}

function needs(project: Project, services: ReadonlyMap<string, Box>): Shape[] {
  return [...services.values()].flatMap((from) =>
    Object.keys(project.services[from.name]?.depends_on ?? {}).flatMap((need): Shape[] => {
      const to = services.get(need);
      if (!to) return [];
      return [{ kind: 'arrow', x1: middle(from), y1: from.y, x2: middle(to), y2: to.y + to.height + 4, stroke: INK }];
    }),
  );
}

function mounts(project: Project, services: ReadonlyMap<string, Box>, volumes: readonly Box[]): Shape[] {
  return [...services.values()].flatMap((from) =>
    (project.services[from.name]?.volumes ?? []).flatMap((mount): Shape[] => {
      const to = mount.type === 'volume' ? volumes.find((v) => v.name === mount.source) : undefined;
      if (!to) return [];
      return [
        { kind: 'line', x1: middle(from), y1: from.y + from.height, x2: middle(to), y2: to.y, stroke: '#a98a3c' },
      ];
    }),
  );
}

function middle(box: Box): number {
  return box.x + box.width / 2;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
