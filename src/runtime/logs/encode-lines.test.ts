import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineEncoder, MAX_RECORD_BYTES, type RecordSink, rfc3339Nano } from './encode-lines.ts';

const TIME = '2026-11-21T07:35:27.123456789Z';

class Collected implements RecordSink {
  readonly buffer = new Uint8Array(400_000);
  offset = 0;
  limit = Number.POSITIVE_INFINITY;
  text = '';
  flush(): void {
    this.text += Buffer.from(this.buffer.subarray(0, this.offset)).toString('utf8');
    this.offset = 0;
  }
}

function encode(input: Buffer, chunkBytes: number): { log: string; stream: string; time: string }[] {
  const sink = new Collected();
  const encoder = new LineEncoder('stdout');
  for (let at = 0; at < input.length; at += chunkBytes) encoder.push(input.subarray(at, at + chunkBytes), TIME, sink);
  encoder.end(TIME, sink);
  sink.flush();
  return sink.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const cases: [name: string, input: string | Buffer, records: string[]][] = [
  ['nothing', '', []],
  ['one line', 'hello\n', ['hello\n']],
  ['an empty line', '\n', ['\n']],
  ['two lines and a rest', 'a\nb\nc', ['a\n', 'b\n', 'c']],
  ['quotes, backslashes, controls', 'say "a\\b"\t\r\x1b[0m\x00\x7f\n', ['say "a\\b"\t\r\x1b[0m\x00\x7f\n']],
  ['UTF-8', 'grüße, 世界 🚢\n', ['grüße, 世界 🚢\n']],
  ['bytes that are no UTF-8', Buffer.from([0xff, 0x61, 0xc3, 10]), ['�a�\n']],
  ['surrogates and overlong forms', Buffer.from([0xed, 0xa0, 0x80, 0xc0, 0x80, 10]), ['�����\n']],
  ['a torn character at the end', Buffer.from([0x61, 0xe4, 0xb8]), ['a��']],
  ['a line of just the limit', `${'x'.repeat(MAX_RECORD_BYTES)}\n`, [`${'x'.repeat(MAX_RECORD_BYTES)}\n`]],
  ['the limit without a newline', 'x'.repeat(MAX_RECORD_BYTES), ['x'.repeat(MAX_RECORD_BYTES)]],
  ['one byte more', `${'x'.repeat(MAX_RECORD_BYTES + 1)}\n`, ['x'.repeat(MAX_RECORD_BYTES), 'x\n']],
  ['two bytes more, no newline', `${'x'.repeat(MAX_RECORD_BYTES + 2)}`, ['x'.repeat(MAX_RECORD_BYTES), 'xx']],
  [
    'a character across the limit',
    `${'x'.repeat(MAX_RECORD_BYTES - 1)}世y\n`,
    ['x'.repeat(MAX_RECORD_BYTES - 1), '世y\n'],
  ],
  [
    'several pieces',
    `${'x'.repeat(3 * MAX_RECORD_BYTES)}\nz\n`,
    ['x'.repeat(MAX_RECORD_BYTES), 'x'.repeat(MAX_RECORD_BYTES), `${'x'.repeat(MAX_RECORD_BYTES)}\n`, 'z\n'],
  ],
  ['only escapes', `${'\x01'.repeat(MAX_RECORD_BYTES)}\n`, [`${'\x01'.repeat(MAX_RECORD_BYTES)}\n`]],
];
for (const [name, input, records] of cases) {
  test(`records of ${name}, however the bytes are cut`, () => {
    const bytes = Buffer.from(input as string);
    const sizes = bytes.length > 1000 ? [997, 16384, 16385, 16387, 1 << 20] : [1, 2, 3, 7, 1 << 20];
    for (const size of sizes) {
      const got = encode(bytes, size);
      assert.deepEqual(
        got.map((record) => record.log),
        records,
        `in pieces of ${size}`,
      );
      for (const record of got) assert.deepEqual([record.stream, record.time], ['stdout', TIME]);
    }
  });
}

test('a record is never split by a flush, and attributes come along', () => {
  const sink = new Collected();
  sink.limit = 10;
  const flushed: string[] = [];
  const collect = sink.flush.bind(sink);
  sink.flush = () => {
    sink.text = '';
    collect();
    flushed.push(sink.text);
  };
  new LineEncoder('stderr', '{"tag":"x"}').push(Buffer.from('a\nb\n'), TIME, sink);
  sink.flush();
  assert.deepEqual(flushed, [
    `{"log":"a\\n","stream":"stderr","attrs":{"tag":"x"},"time":"${TIME}"}\n`,
    `{"log":"b\\n","stream":"stderr","attrs":{"tag":"x"},"time":"${TIME}"}\n`,
  ]);
});

test('times have nine digits always', () => {
  assert.equal(rfc3339Nano(1_795_000_000_000_000_000n), '2026-11-18T11:06:40.000000000Z');
  assert.equal(rfc3339Nano(1_795_000_000_120_000_007n), '2026-11-18T11:06:40.120000007Z');
});
