import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { Duplex } from 'node:stream';
import type { Hijacker, HijackHead } from './hijack.ts';

/** Takes over the connection of a request without `Upgrade`: `200 OK`, and raw bytes until it closes. */
export function plainHijacker(request: IncomingMessage, response: ServerResponse): Hijacker {
  const seize = () => {
    const socket = request.socket;
    response.detachSocket(socket);
    return socket;
  };
  return {
    upgraded: false,
    async skipBody() {
      // A chunked body without end is how some clients send stdin.
      if (Number(request.headers['content-length'] ?? 0) > 0) for await (const _ of request);
    },
    take(head) {
      const socket = seize();
      socket.write(headText(200, head.plainContentType, head.headers));
      // A request body that goes on (chunked) is the client's stdin, and the parser must stay to take it apart.
      if (!request.complete) return Duplex.from({ readable: request, writable: socket });
      // The first listener makes Node read the socket itself; from then on the HTTP parser must see nothing of it.
      socket.on('data', () => undefined);
      socket.removeAllListeners('data');
      socket.removeAllListeners('end');
      // That listener set it flowing; what comes must wait for the one who takes it.
      socket.pause();
      return socket;
    },
    seize,
    refuse(status, text) {
      seize().end(refusal(status, text));
    },
  };
}

function headText(status: number, contentType: string, headers: HijackHead['headers'] = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: ${contentType}\r\n${lines.join('')}\r\n`;
}

/** Docker answers on a connection it has taken over in plain text, not in JSON. */
export function refusal(status: number, text: string): string {
  return `${headText(status, 'application/vnd.docker.raw-stream', { Connection: 'close' })}${text}\r\n`;
}
