import { posix } from 'node:path';
import type { Position } from '../../core/errors.ts';
import { composeInputMissing } from '../errors.ts';
import type { Service } from '../model/service.ts';
import { fileLabels, serviceEnvironment } from './environment.ts';
import type { Surroundings } from './surroundings.ts';

/** The service with its variables and labels read from their files, and those without a value looked up. */
export function resolveEnvironment(
  name: string,
  service: Service,
  directory: string,
  lookup: (name: string) => string | undefined,
  {
    positions,
    origins,
  }: { readonly positions: ReadonlyMap<string, Position>; readonly origins: Map<string, Position[]> },
  s: Surroundings,
): Service {
  const files = service.env_file?.map((f) => ({ ...f, path: posix.resolve(directory, f.path) }));
  const reading = files ? { ...service, env_file: files } : service;
  const fromFiles = new Map<string, Position[]>();
  const environment = serviceEnvironment(
    reading,
    lookup,
    s,
    (file) =>
      composeInputMissing(
        {
          message: s.files.isDirectory(file.path)
            ? `env file ${file.path} is a directory`
            : `env file ${file.path} not found: stat ${file.path}: no such file or directory`,
        },
        {
          at: positions.get(`services.${name}.env_file:${file.path}`) ?? positions.get(`services.${name}.env_file`),
          hint: 'make it, or write {path: FILE, required: false} if it may be missing',
        },
      ),
    (key, at) => fromFiles.set(key, [...(fromFiles.get(key) ?? []), at]),
  );
  for (const [key, places] of fromFiles) {
    const path = `services.${name}.environment.${key}`;
    origins.set(path, [...places, ...(origins.get(path) ?? [])]);
  }
  const args = service.build?.args;
  const buildArgs =
    args &&
    Object.fromEntries(
      Object.entries(args).flatMap(([k, v]) => {
        const value = v ?? lookup(k);
        return value === undefined ? [] : [[k, value]];
      }),
    );
  const labels = service.label_file
    ? { ...fileLabels(service.label_file, lookup, s), ...service.labels }
    : service.labels;
  const { env_file: _folded, label_file: _read, ...rest } = service;
  return {
    ...rest,
    ...(Object.keys(environment).length > 0 ? { environment } : {}),
    ...(labels ? { labels } : {}),
    ...(service.build && buildArgs ? { build: { ...service.build, args: buildArgs } } : {}),
  };
}
