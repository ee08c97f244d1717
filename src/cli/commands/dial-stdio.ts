import { finished } from 'node:stream/promises';
import { arity, command } from '../command.ts';

/** What ssh runs at the other end: our stdin and stdout are one connection to the engine. */
export const dialStdio = command({
  usage: '',
  arity: arity.none,
  options: {},
  async run(_, { client, stdin, stdout }) {
    const stream = await client.dial();
    stdin.pipe(stream);
    stream.pipe(stdout, { end: false });
    // The engine's side decides: when it has said all, nobody waits for what we might still send.
    await finished(stream, { writable: false });
    return 0;
  },
});
