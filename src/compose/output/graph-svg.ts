import type { Drawing, Shape } from './graph-layout.ts';

/** How far an arrow's curve leaves its ends before it turns. */
const BEND = 24;

/** The drawing as SVG. */
export function asSvg({ title, width, height, shapes }: Drawing): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${xml(title)}">
<style>text{font:12px ui-monospace,monospace;fill:#223}.name{font-weight:700;font-size:13px}.dashed{stroke-dasharray:5 3}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b7fa6"/></marker></defs>
<rect width="${width}" height="${height}" fill="#fff"/>
${shapes.map(one).join('\n')}
</svg>
`;
}

function one(shape: Shape): string {
  switch (shape.kind) {
    case 'box':
      return `<rect x="${shape.x}" y="${shape.y}" width="${shape.width}" height="${shape.height}" rx="${shape.round}" fill="${shape.fill}" stroke="${shape.stroke}" stroke-width="1.5"${shape.dashed ? ' class="dashed"' : ''}/>`;
    case 'dot':
      return `<circle cx="${shape.x}" cy="${shape.y}" r="${shape.radius}" fill="${shape.fill}"/>`;
    case 'text':
      return `<text x="${shape.x}" y="${shape.y}"${shape.bold ? ' class="name"' : ''}>${xml(shape.text)}</text>`;
    case 'arrow': {
      const { x1, y1, x2, y2, stroke } = shape;
      return `<path d="M${x1} ${y1} C${x1} ${y1 - BEND} ${x2} ${y2 + BEND} ${x2} ${y2}" fill="none" stroke="${stroke}" stroke-width="1.5" marker-end="url(#tip)"/>`;
    }
    case 'line':
      return `<path d="M${shape.x1} ${shape.y1}L${shape.x2} ${shape.y2}" fill="none" stroke="${shape.stroke}" class="dashed"/>`;
  }
}

function xml(text: string): string {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
