import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { asPng } from './graph-png.ts';
import { glyph } from './pixel-font.ts';

test('a box is painted where it stands', () => {
  const png = asPng({
    title: 'x',
    width: 10,
    height: 8,
    shapes: [{ kind: 'box', x: 2, y: 1, width: 6, height: 6, fill: '#112233', stroke: '#fff', round: 0 }],
  });
  assert.ok(png);
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [20, 16]);
  const at = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  const dot = (x: number, y: number): string => rows.subarray(y * 61 + 1 + x * 3, y * 61 + 4 + x * 3).toString('hex');
  assert.equal(dot(0, 0), 'ffffff');
  assert.equal(dot(10, 8), '112233');
});

test('a drawing of a million pixels a side is no PNG', () => {
  assert.equal(asPng({ title: 'x', width: 1e6, height: 1e6, shapes: [] }), undefined);
});

test('letters of the font; what it lacks is a question mark', () => {
  assert.deepEqual(glyph('T'), [1, 1, 0x7f, 1, 1]);
  assert.deepEqual(glyph('~'), [8, 4, 8, 16, 8]);
  assert.deepEqual(glyph('字'), glyph('?'));
});
