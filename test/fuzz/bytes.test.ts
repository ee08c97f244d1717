import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { FrameParser } from '../../src/core/frames.ts';
import { answerLocally } from '../../src/network/keeper/dns/answer.ts';
import { decodeRecord } from '../../src/runtime/logs/decode-record.ts';
import { TarReader } from '../../src/storage/tar/reader.ts';
import { busyboxTar } from '../e2e/support/busybox.ts';
import { damaged, fuzz } from './fuzz.ts';

const bytes = fc.uint8Array({ maxLength: 2048 }).map((array) => Buffer.from(array));

const tar = (await busyboxTar()).subarray(0, 512 * 24);
const sink = { entry: () => undefined, data: () => undefined, end: () => undefined };
fuzz('tar', fc.tuple(fc.oneof(damaged(tar), bytes), fc.integer({ min: 1, max: 3000 })), ([input, step]) => {
  const reader = new TarReader(sink);
  for (let at = 0; at < input.length; at += step) reader.push(input.subarray(at, at + step));
  reader.finish();
});

const frames = Buffer.from('\u0001\0\0\0\0\0\0\u0003abc\u0002\0\0\0\0\0\0\u0001x', 'latin1');
fuzz(
  'frames',
  fc.oneof(damaged(frames), bytes),
  (input) => [...new FrameParser().push(input)],
  (e) => e instanceof Error && e.message.startsWith('unrecognized stream'),
);

const question = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'web.example.' }] });
const source = { lookup: () => ({ ipv4: ['10.0.0.1'], ipv6: ['fd00::1'] }), reverse: () => 'web.net' };
fuzz('DNS question', fc.oneof(damaged(question), bytes), (input) => {
  let query: ReturnType<typeof dnsPacket.decode>;
  try {
    query = dnsPacket.decode(input);
  } catch {
    return; // dropped, as the server does
  }
  if (query.type === 'query') answerLocally(query, source);
});

const record = Buffer.from(
  '{"log":"a\\u00e9\\n\\"","stream":"stdout","time":"2026-01-01T00:00:00.000000000Z","attrs":{"a":"b"}}',
);
fuzz('record of a json-file log', fc.oneof(damaged(record), bytes), (input) => decodeRecord(input));
