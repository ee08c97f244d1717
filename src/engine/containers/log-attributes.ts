import { shortId } from '../../core/ids.ts';
import { invalidParameter, messageOf } from '../../core/errors.ts';
import type { HostConfig } from '../../core/wire/container.ts';
import type { ContainerRecord } from './record.ts';

/**
 * What goes with each line of a container's log by the options `labels`, `labels-regex`, `env`, `env-regex` and `tag`;
 * `docker logs --details` shows it. `undefined` if nothing does.
 */
export function logAttributes(record: ContainerRecord): Readonly<Record<string, string>> | undefined {
  const attributes = {
    ...logVariables(record),
    ...(record.hostConfig.LogConfig?.Config?.['tag'] ? { tag: logTag(record) } : {}),
  };
  return Object.keys(attributes).length > 0 ? attributes : undefined;
}

/** The labels and variables that the log's options name. */
export function logVariables(record: ContainerRecord): Readonly<Record<string, string>> {
  const options = record.hostConfig.LogConfig?.Config ?? {};
  const variables = Object.fromEntries(
    (record.config.Env ?? []).map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  return {
    ...chosen(record.config.Labels ?? {}, options['labels'], options['labels-regex']),
    ...chosen(variables, options['env'], options['env-regex']),
  };
}

/** @throws {WharfError} `INVALID_PARAMETER` at an expression that is none */
export function checkLogExpressions(host: HostConfig): void {
  for (const option of ['labels-regex', 'env-regex']) {
    const text = host.LogConfig?.Config?.[option];
    if (text === undefined) continue;
    try {
      new RegExp(text);
    } catch (cause) {
      throw invalidParameter({ message: `invalid ${option}: ${messageOf(cause)}` }, { cause });
    }
  }
}

function chosen(
  values: Readonly<Record<string, string>>,
  names: string | undefined,
  expression: string | undefined,
): Record<string, string> {
  const listed = new Set((names ?? '').split(',').filter(Boolean));
  const matches = expression === undefined || expression === '' ? undefined : new RegExp(expression);
  return Object.fromEntries(Object.entries(values).filter(([name]) => listed.has(name) || matches?.test(name)));
}

/** The option `tag` filled in, the short ID without it. What is none of the fields of Docker's log tags stays as it is. */
export function logTag({ id, name, imageId, config, hostConfig }: ContainerRecord): string {
  const template = hostConfig.LogConfig?.Config?.['tag'] || '{{.ID}}';
  const bareImage = imageId.replace(/^sha256:/, '');
  const fields: Readonly<Record<string, string>> = {
    ID: shortId(id),
    FullID: id,
    Name: name,
    ImageID: bareImage.slice(0, 12),
    ImageFullID: imageId,
    ImageName: config.Image ?? '',
    DaemonName: 'wharf',
  };
  return template.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, field: string) => fields[field] ?? whole);
}
