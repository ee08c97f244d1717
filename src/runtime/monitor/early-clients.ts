import type { Attacher } from './attachers.ts';
import type { ProcessIo } from './process-io.ts';

/** Clients that came before their process, by container or container/exec. */
export class EarlyClients {
  readonly #waiting = new Map<string, Attacher[]>();

  wait(key: string, client: Attacher): void {
    this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), client]);
    client.socket.once('close', () => {
      const left = (this.#waiting.get(key) ?? []).filter((other) => other !== client);
      if (left.length === 0) this.#waiting.delete(key);
      else this.#waiting.set(key, left);
    });
    // With stdin to come its bytes stay in the socket until the process is there.
    if (!client.options.stdin) client.socket.resume();
  }

  /** The process is there. */
  admit(key: string, io: ProcessIo): void {
    const clients = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const client of clients) if (!client.socket.destroyed) io.attach(client);
  }

  /** It will not come. */
  abandon(key: string): void {
    for (const client of this.#waiting.get(key) ?? []) {
      client.socket.end();
      client.socket.resume();
    }
    this.#waiting.delete(key);
  }
}
