import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitionOfImage, imageOfDefinition } from './definition.ts';
import { CODE } from './grpc/status.ts';
import { Definition, Op } from './wire/messages.ts';

test('a result goes out as a graph and comes back as what it was', () => {
  const image = `sha256:${'ab'.repeat(32)}`;
  const sent = Definition.decode(Definition.encode(definitionOfImage(image)));
  assert.equal(imageOfDefinition(sent), image);
  assert.equal(Object.keys(sent.metadata).length, 2);
});

test('other graphs are refused', () => {
  const source = (identifier: string) => Op.encode({ source: { identifier, attrs: {} } });
  const image = `docker-image://sha256:${'ab'.repeat(32)}`;
  const input = { digest: 'sha256:x', index: 0 };
  const graphs = [
    [],
    [source('docker-image://busybox')],
    [source('git://x')],
    [source(image), source(image)],
    [source(image), Op.encode({ inputs: [input, input] })],
    [source(image), Op.encode({ inputs: [input] }), Op.encode({ inputs: [input] })],
  ];
  for (const def of graphs) assert.throws(() => imageOfDefinition({ def, metadata: {} }), { code: CODE.unimplemented });
});
