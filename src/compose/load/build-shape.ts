import type { Build, UlimitSetting } from '../model/service.ts';
import { path } from './host-path.ts';
import { extraHosts, fileReference } from './link-shapes.ts';
import type { Shape } from './shape.ts';
import {
  boolean,
  bytes,
  integer,
  labels,
  list,
  mapOf,
  object,
  oneOrMany,
  pairs,
  string,
  text,
  wrong,
} from './shape.ts';
import { resolveHostPath } from './short-volumes.ts';

/** A build context: a path, or a URL as it is. */
const context: Shape<string> = {
  read(tree, where) {
    const written = string.read(tree, where);
    const remote = /^(https?:\/\/|git:\/\/|git@|ssh:\/\/|github\.com\/|docker-image:|oci-layout:|service:)/.test(
      written,
    );
    return remote ? written : path.read(tree, where);
  },
};

/** `nofile: 1024`, or soft and hard; of a service and of its build. */
export const ulimits: Shape<Record<string, UlimitSetting>> = mapOf({
  read(tree, where) {
    return tree.kind === 'map'
      ? object<{ soft: number; hard: number }>({ soft: integer, hard: integer }, ['soft', 'hard']).read(tree, where)
      : integer.read(tree, where);
  },
});

/** `name: path`, or a URL, an image, a service as it is. */
const additionalContexts: Shape<Record<string, string>> = {
  read(tree, where) {
    const entries = Object.entries(labels.read(tree, where));
    return Object.fromEntries(
      entries.map(([name, at]) => [
        name,
        /^[\w+-]+:\/\/|^service:|^git@|^github\.com\//.test(at) ? at : resolveHostPath(at, where),
      ]),
    );
  },
};
/** `default`, `id=path`, or a map of these. */
const ssh: Shape<string[]> = {
  read(tree, where) {
    if (tree.kind !== 'map') return oneOrMany(string).read(tree, where);
    return Object.entries(pairs.read(tree, where)).map(([id, at]) => (at === null ? id : `${id}=${at}`));
  },
};

const buildFields = object<Build>({
  context,
  dockerfile: string,
  dockerfile_inline: string,
  entitlements: list(string),
  args: pairs,
  provenance: text,
  sbom: text,
  ssh,
  labels,
  cache_from: list(string),
  cache_to: list(string),
  no_cache: boolean,
  no_cache_filter: oneOrMany(string),
  additional_contexts: additionalContexts,
  pull: boolean,
  extra_hosts: extraHosts,
  isolation: string,
  network: string,
  target: string,
  secrets: list(fileReference(() => undefined)),
  shm_size: bytes,
  tags: list(string),
  ulimits,
  platforms: list(string),
  privileged: boolean,
});
/** A service's `build`: a folder, or a map. Source: compose.md 3.6. */
export const build: Shape<Build> = {
  read(tree, where) {
    if (tree.kind === 'scalar') return { context: context.read(tree, where) };
    const [only] = tree.kind === 'list' ? tree.items : [];
    if (only?.kind === 'scalar') throw wrong(tree, where, 'a folder or a map', `write build: ${only.source}`);
    return buildFields.read(tree, where);
  },
};
