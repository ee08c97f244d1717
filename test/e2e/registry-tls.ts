import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { run } from './support/run.ts';

export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly cert: string;
  readonly key: string;
}

/** An authority of the test's own, and what it signs. */
export class Authority {
  readonly #directory: string;
  #count = 0;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(directory: string): Promise<Authority> {
    mkdirSync(directory, { recursive: true });
    const authority = new Authority(directory);
    await openssl(directory, [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=authority of a test',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
    ]);
    return authority;
  }

  get cert(): string {
    return readFileSync(join(this.#directory, 'ca.crt'), 'utf8');
  }

  /** A certificate for an address or a name; less than no days: one that is over. */
  async sign(host: string, days = 2): Promise<Certificate> {
    const name = `signed-${this.#count++}`;
    const kind = /^[\d.]+$|:/.test(host) ? 'IP' : 'DNS';
    writeFileSync(join(this.#directory, `${name}.ext`), `subjectAltName=${kind}:${host}\n`);
    await openssl(this.#directory, [
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      `/CN=${host}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    ]);
    await openssl(this.#directory, [
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      String(days),
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    ]);
    const certPath = join(this.#directory, `${name}.crt`);
    const keyPath = join(this.#directory, `${name}.key`);
    return { certPath, keyPath, cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
  }
}

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args, { cwd });
  if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

/** An address of this machine that is not its loopback: registries there are spoken to with checked certificates. */
export function outerAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (!found) throw new Error('this machine has no address but loopback');
  return found.address;
}
