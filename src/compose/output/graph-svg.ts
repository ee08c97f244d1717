import type { Project } from '../model/project.ts';
import { factsOf, layers } from './graph-layers.ts';

const LINE = 18;
const CHARACTER = 7.3;
const GAP = 48;

interface Box {
  readonly name: string;
  readonly facts: readonly string[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A picture: rows of boxes, arrows from a service to those it needs. */
export function asSvg(project: Project): string {
  const boxes = new Map<string, Box>();
  let y = GAP;
  let right = 0;
  for (const row of layers(project)) {
    let x = GAP;
    let tallest = 0;
    for (const name of row) {
      const facts = factsOf(project.services[name] ?? {});
      const longest = Math.max(name.length + 2, ...facts.map((f) => Array.from(f).length));
      const box: Box = {
        name,
        facts,
        x,
        y,
        width: Math.round(longest * CHARACTER) + 24,
        height: (facts.length + 1) * LINE + 16,
      };
      boxes.set(name, box);
      x += box.width + GAP;
      tallest = Math.max(tallest, box.height);
    }
    right = Math.max(right, x);
    y += tallest + GAP;
  }
  const arrows = [...boxes.values()].flatMap((from) =>
    Object.keys(project.services[from.name]?.depends_on ?? {}).flatMap((need) => {
      const to = boxes.get(need);
      if (!to) return [];
      const [x1, x2, end] = [from.x + from.width / 2, to.x + to.width / 2, to.y + to.height];
      return [
        `<path d="M${x1} ${from.y} C${x1} ${from.y - GAP / 2} ${x2} ${end + GAP / 2} ${x2} ${end + 4}" class="arrow" marker-end="url(#tip)"/>`,
      ];
    }),
  );
  const drawn = [...boxes.values()].map(
    (b) =>
      `<g><rect x="${b.x}" y="${b.y}" width="${b.width}" height="${b.height}" rx="6"/><text x="${b.x + 12}" y="${b.y + 22}" class="name">${xml(b.name)}</text>${b.facts
        .map((f, i) => `<text x="${b.x + 12}" y="${b.y + 22 + (i + 1) * LINE}">${xml(f)}</text>`)
        .join('')}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${right} ${y}" width="${right}" height="${y}" role="img" aria-label="${xml(project.name)}">
<style>text{font:12px ui-monospace,monospace;fill:#223}.name{font-weight:700;font-size:13px}rect{fill:#f4f7fb;stroke:#5b7fa6;stroke-width:1.5}.arrow{fill:none;stroke:#5b7fa6;stroke-width:1.5}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b7fa6"/></marker></defs>
<rect x="0" y="0" width="${right}" height="${y}" style="fill:#fff;stroke:none"/>
${[...arrows, ...drawn].join('\n')}
</svg>
`;
}

function xml(text: string): string {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
