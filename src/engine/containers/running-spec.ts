import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OciSpec } from '../../runtime/index.ts';
import { containerDirectory, type Context } from './context.ts';
import type { ContainerRecord } from './record.ts';

/** The spec a running container was started with. */
export function specOf(ctx: Context, record: ContainerRecord): OciSpec {
  const known = ctx.specs.get(record.id);
  if (known !== undefined) return known;
  const path = join(containerDirectory(ctx, record.id), 'config.json');
  const spec = JSON.parse(readFileSync(path, 'utf8')) as OciSpec;
  ctx.specs.set(record.id, spec);
  return spec;
}
