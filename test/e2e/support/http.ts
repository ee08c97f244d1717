import { request } from 'node:http';

/** One request to an engine's socket with nothing of ours in between. @throws {Error} at a status of 400 or more */
export function api(socketPath: string, method: string, path: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const req = request(
      {
        socketPath,
        method,
        path,
        headers: text === undefined ? {} : { 'content-type': 'application/json' },
        agent: false,
      },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          const status = res.statusCode ?? 0;
          if (status >= 400) reject(new Error(`${method} ${path}: ${status} ${answer.trim()}`));
          else if (res.headers['content-type']?.startsWith('application/json') && answer !== '')
            resolve(JSON.parse(answer));
          else resolve(answer);
        });
      },
    );
    req.on('error', reject);
    req.end(text);
  });
}
