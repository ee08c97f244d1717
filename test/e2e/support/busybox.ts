import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { pack } from 'tar-stream';

/** Debian's static busybox (package busybox-static), which set-up installs. */
const BUSYBOX = '/bin/busybox';

/** A root file system of busybox with a link for each applet, as a tar. */
export async function busyboxTar(): Promise<Buffer> {
  const tar = pack();
  for (const dir of ['bin/', 'dev/', 'etc/', 'home/', 'proc/', 'root/', 'sys/', 'tmp/', 'usr/', 'usr/bin/', 'var/']) {
    tar.entry({ name: dir, type: 'directory', mode: dir === 'tmp/' ? 0o1777 : 0o755 });
  }
  tar.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync(BUSYBOX));
  const applets = execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean);
  for (const applet of applets) {
    if (applet !== 'busybox') tar.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  }
  tar.entry({ name: 'etc/passwd' }, 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n');
  tar.entry({ name: 'etc/group' }, 'root:x:0:\nnogroup:x:65534:\n');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Imports `busybox:latest` into the engine behind a socket. */
export async function importBusybox(socketPath: string): Promise<void> {
  const tar = await busyboxTar();
  const change = encodeURIComponent('CMD ["sh"]');
  const path = `/images/create?fromSrc=-&repo=busybox&tag=latest&changes=${change}`;
  await new Promise<void>((resolve, reject) => {
    const req = request(
      { socketPath, method: 'POST', path, agent: false, headers: { 'content-type': 'application/x-tar' } },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          if (res.statusCode !== 200 || answer.includes('errorDetail')) reject(new Error(`import: ${answer}`));
          else resolve();
        });
      },
    );
    req.on('error', reject);
    req.end(tar);
  });
}
