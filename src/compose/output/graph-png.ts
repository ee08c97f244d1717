import { crc32, deflateSync } from 'node:zlib';
import type { Drawing, Shape } from './graph-layout.ts';
import { GLYPH_COLUMNS, GLYPH_ROWS, glyph } from './pixel-font.ts';

/** Dots of the picture for a pixel of the drawing; a dot of the font is as large. */
const SCALE = 2;
const LETTER = 14;
const INK = 0x222233;
/** More dots than this are no picture that anybody opens. */
const MAX_DOTS = 100_000_000;

/**
 * The drawing as PNG, in twice its size.
 * @returns `undefined` for one that is too large for a picture of dots
 */
export function asPng(drawing: Drawing): Buffer | undefined {
  const width = Math.ceil(drawing.width * SCALE);
  const height = Math.ceil(drawing.height * SCALE);
  if (width * height > MAX_DOTS) return undefined;
  const canvas = new Canvas(width, height);
  for (const shape of drawing.shapes) paint(canvas, shape);
  return encode(canvas);
}

/** Dots in RGB. */
class Canvas {
  readonly width: number;
  readonly height: number;
  readonly dots: Buffer;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.dots = Buffer.alloc(width * height * 3, 0xff);
  }

  set(x: number, y: number, colour: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    this.dots.writeUIntBE(colour, (y * this.width + x) * 3, 3);
  }

  fill(x: number, y: number, width: number, height: number, colour: number): void {
    for (let j = y; j < y + height; j++) for (let i = x; i < x + width; i++) this.set(i, j, colour);
  }

  disc(x: number, y: number, radius: number, colour: number): void {
    for (let j = -radius; j <= radius; j++)
      for (let i = -radius; i <= radius; i++) if (i * i + j * j <= radius * radius) this.set(x + i, y + j, colour);
  }
}

function paint(canvas: Canvas, shape: Shape): void {
  const at = (n: number): number => Math.round(n * SCALE);
  switch (shape.kind) {
    case 'box': {
      const [x, y, width, height] = [at(shape.x), at(shape.y), at(shape.width), at(shape.height)];
      const stroke = colour(shape.stroke);
      canvas.fill(x, y, width, height, colour(shape.fill));
      const along = (length: number, draw: (from: number) => void): void => {
        for (let i = 0; i < length; i++) if (!shape.dashed || i % 16 < 10) draw(i);
      };
      along(width, (i) => {
        canvas.fill(x + i, y, 1, 3, stroke);
        canvas.fill(x + i, y + height - 3, 1, 3, stroke);
      });
      along(height, (i) => {
        canvas.fill(x, y + i, 3, 1, stroke);
        canvas.fill(x + width - 3, y + i, 3, 1, stroke);
      });
      return;
    }
    case 'dot':
      canvas.disc(at(shape.x), at(shape.y), at(shape.radius), colour(shape.fill));
      return;
    case 'text':
      write(canvas, at(shape.x), at(shape.y), shape.text, shape.bold ?? false);
      return;
    case 'arrow': {
      const bend = 24;
      curve(canvas, shape, [shape.x1, shape.y1 - bend], [shape.x2, shape.y2 + bend], false);
      for (let row = 0; row < 12; row++)
        canvas.fill(at(shape.x2) - (row >> 1), at(shape.y2) + row, (row >> 1) * 2 + 1, 1, colour(shape.stroke));
      return;
    }
    case 'line':
      curve(canvas, shape, [shape.x1, shape.y1], [shape.x2, shape.y2], true);
  }
}

/** A Bézier curve, by as many small discs as it is long. */
function curve(
  canvas: Canvas,
  ends: { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number; readonly stroke: string },
  first: readonly [number, number],
  second: readonly [number, number],
  dashed: boolean,
): void {
  const { x1, y1, x2, y2 } = ends;
  const steps = Math.ceil((Math.hypot(x2 - x1, y2 - y1) + 96) * SCALE);
  for (let i = 0; i <= steps; i++) {
    if (dashed && i % 16 >= 10) continue;
    const t = i / steps;
    const u = 1 - t;
    const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
    const x = a * x1 + b * first[0] + c * second[0] + d * x2;
    const y = a * y1 + b * first[1] + c * second[1] + d * y2;
    canvas.disc(Math.round(x * SCALE), Math.round(y * SCALE), dashed ? 0 : 1, colour(ends.stroke));
  }
}

/** Text that stands on `y`. */
function write(canvas: Canvas, x: number, y: number, text: string, bold: boolean): void {
  for (const [i, letter] of Array.from(text).entries()) {
    for (const [column, bits] of glyph(letter).entries()) {
      for (let row = 0; row < GLYPH_ROWS; row++) {
        if (((bits >> row) & 1) === 0) continue;
        const left = x + i * LETTER + (column * 10) / GLYPH_COLUMNS;
        canvas.fill(left, y - (GLYPH_ROWS - row) * SCALE, bold ? 3 : 2, SCALE, INK);
      }
    }
  }
}

function colour(hex: string): number {
  const digits = hex.slice(1);
  return Number.parseInt(digits.length === 3 ? digits.replace(/./g, '$&$&') : digits, 16);
}

/** Source: PNG specification, third edition: signature, header, one block of data, end. */
function encode({ width, height, dots }: Canvas): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y++) dots.copy(rows, y * (width * 3 + 1) + 1, y * width * 3, (y + 1) * width * 3);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a colour, three colours a dot.
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
