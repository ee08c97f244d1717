import { posix } from 'node:path';
import type { Position } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { composeFileInvalid, composeInputMissing } from '../errors.ts';
import type { IncludeItem, Model, Project, Template } from '../model/project.ts';
import type { Service } from '../model/service.ts';
import { checkConsistency } from './consistency.ts';
import { discover } from './discover.ts';
import { dotenvOf, loadDotenv } from './environment.ts';
import { interpolate } from './interpolate.ts';
import { mergeModels, mergeServices } from './merge.ts';
import { includeShape, readModel } from './model-shape.ts';
import { absoluteContext, normalise } from './normalise.ts';
import { inherit } from './origins.ts';
import { parseYaml } from './parse-yaml.ts';
import { projectName } from './project-name.ts';
import { resolveEnvironment } from './resolve-environment.ts';
import { forget, resetPaths, withoutReset } from './reset.ts';
import type { Where } from './shape.ts';
import { shown } from './shown.ts';
import { usedResources } from './used-resources.ts';
import type { Surroundings } from './surroundings.ts';
import { whyUnread } from './surroundings.ts';
import type { MapTree, Tree } from './tree.ts';
import { child, isNull } from './tree.ts';

export interface LoadOptions {
  /** `-f`, in order. */
  readonly files: readonly string[];
  readonly projectName?: string | undefined;
  readonly projectDirectory?: string | undefined;
  /** `--env-file`, in order. */
  readonly envFiles: readonly string[];
  readonly profiles: readonly string[];
  /** Services named on the command line: their profiles are active. */
  readonly services?: readonly string[];
  readonly interpolate?: boolean;
  /** Steps to leave out, for `config`. */
  readonly without?: { readonly normalise?: boolean; readonly paths?: boolean; readonly consistency?: boolean };
  /** Names as docker-compose 1 made them. */
  readonly compatibility?: boolean;
  /** Keep resources that no service uses. */
  readonly allResources?: boolean;
}

const EMPTY: Model = { services: {}, networks: {}, volumes: {}, secrets: {}, configs: {}, models: {}, extensions: {} };

/** The files read, before anything in them is looked at, and what decides the project's name. */
interface Opened {
  readonly files: readonly string[];
  readonly projectDirectory: string;
  readonly documents: readonly { readonly file: string; readonly tree: MapTree }[];
  readonly environment: Record<string, string>;
  readonly name: string;
  readonly sources: ReadonlyMap<string, string>;
}

/** Only the project's name; for commands that work on what runs, not on what the file says. */
export function loadProjectName(options: LoadOptions, s: Surroundings): string {
  const cwd = options.projectDirectory === undefined ? s.cwd : posix.resolve(s.cwd, options.projectDirectory);
  const early = dotenvOf({ envFiles: options.envFiles, directories: [cwd] }, s);
  const exact = options.projectName || s.env['COMPOSE_PROJECT_NAME'] || early.get('COMPOSE_PROJECT_NAME');
  if (exact) return projectName({ flag: options.projectName, environment: exact, file: undefined, directory: cwd });
  return open(options, s).name;
}

/**
 * Loads a project: finds the files, interpolates, merges, checks and normalises.
 * @throws {WharfError} `COMPOSE_FILE_INVALID` with the place, `COMPOSE_INPUT_MISSING`
 */
export function loadProject(options: LoadOptions, s: Surroundings): Project {
  const warned = new Set<string>();
  const once: Surroundings = {
    ...s,
    warn: (text) => {
      if (!warned.has(text)) s.warn(text);
      warned.add(text);
    },
  };
  const opened = open(options, once);
  const positions = new Map<string, Position>();
  const origins = new Map<string, Position[]>();
  const templates: Template[] = [];
  const loader = new Loader(
    once,
    { positions, origins, templates },
    options.interpolate ?? true,
    options.without?.paths ?? false,
  );
  let model = EMPTY;
  for (const document of opened.documents) {
    model = loader.add(model, document.file, document.tree, opened.projectDirectory, opened.environment, []);
  }
  if (!options.without?.normalise) model = normalise(model, opened.name);
  const lookup = (name: string): string | undefined => opened.environment[name];
  const profiles = activeProfiles(options, lookup, model);
  const enabled: Record<string, Service> = {};
  const disabled: Record<string, Service> = {};
  for (const [name, service] of Object.entries(model.services)) {
    const active = !service.profiles?.length || service.profiles.some((p) => profiles.has(p)) || profiles.has('*');
    (active ? enabled : disabled)[name] = options.without?.paths
      ? service
      : absoluteContext(service, opened.projectDirectory);
  }
  if (!options.without?.consistency) checkConsistency({ ...model, services: enabled }, disabled, positions);
  const services: Record<string, Service> = {};
  for (const [name, service] of Object.entries(enabled)) {
    services[name] = resolveEnvironment(name, service, opened.projectDirectory, lookup, { positions, origins }, once);
  }
  const used = options.allResources ? model : { ...model, ...usedResources(model, services) };
  return {
    ...used,
    name: opened.name,
    separator: options.compatibility ? '_' : '-',
    services,
    disabled,
    workingDirectory: opened.projectDirectory,
    files: opened.files,
    environmentFiles: options.envFiles.map((f) => posix.resolve(s.cwd, f)),
    environment: opened.environment,
    positions,
    origins,
    templates,
    variableSources: opened.sources,
  };
}

function open(options: LoadOptions, s: Surroundings): Opened {
  const start = options.projectDirectory === undefined ? s.cwd : posix.resolve(s.cwd, options.projectDirectory);
  const early = dotenvOf({ envFiles: options.envFiles, directories: [start] }, s);
  const found = discover(options.files, options.projectDirectory, (name) => s.env[name] ?? early.get(name), s);
  const sources = new Map<string, string>();
  const dotenv = dotenvOf({ envFiles: options.envFiles, directories: [start, found.projectDirectory] }, s, sources);
  const environment: Record<string, string> = Object.fromEntries(dotenv);
  for (const [key, value] of Object.entries(s.env)) {
    if (value === undefined) continue;
    environment[key] = value;
    sources.set(key, 'shell');
  }
  const documents = found.files.flatMap((file) => parseFile(file, s).map((tree) => ({ file, tree })));
  const name = projectName({
    flag: options.projectName,
    environment: environment['COMPOSE_PROJECT_NAME'],
    file: nameInFiles(documents, environment),
    directory: found.projectDirectory,
  });
  environment['COMPOSE_PROJECT_NAME'] = name;
  return { files: found.files, projectDirectory: found.projectDirectory, documents, environment, name, sources };
}

function parseFile(file: string, s: Surroundings): MapTree[] {
  const name = shown(file, s.cwd);
  const text = s.files.read(file);
  if (text === undefined) throw composeInputMissing({ message: `open ${file}: no such file or directory` });
  const trees = parseYaml(text, name).filter((tree) => !isNull(tree));
  if (trees.length === 0)
    throw composeFileInvalid(
      { message: 'empty compose file' },
      { at: { file: name, line: 1, column: 1 }, hint: 'expected "services:" and below it a service with its image' },
    );
  return trees.map((tree) => {
    if (tree.kind !== 'map')
      throw composeFileInvalid(
        { message: 'a Compose file is a map, with "services:" at the top' },
        {
          at: tree.at,
          hint: /^\s*(FROM|ARG)\s/.test(text) ? 'this is a Dockerfile; name it under "build:"' : undefined,
        },
      );
    return tree;
  });
}

function nameInFiles(
  documents: Opened['documents'],
  environment: Readonly<Record<string, string>>,
): string | undefined {
  let name: string | undefined;
  for (const { tree } of documents) {
    const said = child(tree, 'name');
    if (!said || isNull(said) || said.kind !== 'scalar') continue;
    const value = interpolate(
      said,
      (key) => environment[key],
      () => undefined,
      'name',
    );
    if (value.kind === 'scalar' && value.value !== '') name = String(value.value);
  }
  return name;
}

function activeProfiles(options: LoadOptions, lookup: (name: string) => string | undefined, model: Model): Set<string> {
  const said = options.profiles.length > 0 ? options.profiles : (lookup('COMPOSE_PROFILES') ?? '').split(',');
  const named = (options.services ?? []).flatMap((name) => model.services[name]?.profiles ?? []);
  return new Set([...said, ...named].map((p) => p.trim()).filter((p) => p !== ''));
}

/** What is written down on the way, for errors and explanations. */
interface Notes {
  readonly positions: Map<string, Position>;
  readonly origins: Map<string, Position[]>;
  readonly templates: Template[];
}

/** Reads documents one after another into a model; follows `include` and `extends`. */
class Loader {
  readonly #s: Surroundings;
  readonly #positions: Map<string, Position>;
  readonly #notes: Notes;
  readonly #interpolates: boolean;
  readonly #keepPaths: boolean;

  constructor(s: Surroundings, notes: Notes, interpolates: boolean, keepPaths: boolean) {
    this.#keepPaths = keepPaths;
    this.#s = s;
    this.#positions = notes.positions;
    this.#notes = notes;
    this.#interpolates = interpolates;
  }

  add(
    base: Model,
    file: string,
    raw: MapTree,
    directory: string,
    environment: Readonly<Record<string, string>>,
    includedFrom: readonly string[],
  ): Model {
    const tree = this.#interpolated(raw, environment) as MapTree;
    const where = this.#where(directory);
    const version = tree.entries.get('version');
    if (version) {
      where.note('version', version.at);
      this.#s.warn(
        `${file}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
      );
    }
    const own = readModel(withoutReset(tree), where);
    let model = base;
    const include = child(tree, 'include');
    if (include && !isNull(include)) {
      for (const item of includeShape.read(include, { ...where, path: 'include' })) {
        model = mergeModels(this.#included(item, environment, [...includedFrom, file], include), model);
      }
    }
    const extended: Record<string, Service> = {};
    for (const name of Object.keys(own.services)) {
      extended[name] = this.#extend(name, { ...model.services, ...own.services }, file, environment, [], tree);
    }
    return mergeModels(forget(model, resetPaths(tree)), { ...own, services: extended });
  }

  /** @param apart where to note places instead of among the project's own */
  #where(directory: string, apart?: Map<string, Position[]>): Where {
    const origins = apart ?? this.#notes.origins;
    return {
      path: '',
      baseDirectory: directory,
      home: this.#s.home,
      keepPaths: this.#keepPaths,
      note: (path, position) => {
        if (!apart) this.#positions.set(path, position);
        origins.set(path, [...(origins.get(path) ?? []), position]);
      },
      warn: this.#s.warn,
    };
  }

  #interpolated(tree: Tree, environment: Readonly<Record<string, string>>): Tree {
    if (!this.#interpolates) return tree;
    return interpolate(
      tree,
      (name) => environment[name],
      (name) => this.#s.warn(`The "${name}" variable is not set. Defaulting to a blank string.`),
      '',
      ({ value, at }, path) => this.#notes.templates.push({ path, text: String(value), at }),
    );
  }

  #included(
    item: IncludeItem,
    environment: Readonly<Record<string, string>>,
    trail: readonly string[],
    at: Tree,
  ): Model {
    const [first] = item.path;
    const directory = item.project_directory ?? (first === undefined ? this.#s.cwd : posix.dirname(first));
    const dotenv = new Map<string, string>();
    const lookup = (name: string): string | undefined => environment[name];
    for (const path of item.env_file ?? [posix.join(directory, '.env')]) {
      const text = path === '/dev/null' || this.#s.files.isDirectory(path) ? undefined : this.#s.files.read(path);
      if (text !== undefined) loadDotenv(path, text, dotenv, lookup, this.#s);
      else if (item.env_file && path !== '/dev/null')
        throw composeInputMissing({ message: `couldn't find env file: ${path}` }, { at: at.at });
    }
    const inner = { ...Object.fromEntries(dotenv), ...environment };
    let model = EMPTY;
    for (const file of item.path) {
      if (trail.includes(file))
        throw composeFileInvalid(
          { message: `include cycle detected: ${[...trail, file].join(' include ')}` },
          { at: at.at },
        );
      if (this.#s.files.read(file) === undefined)
        throw composeInputMissing({ message: whyUnread(file, this.#s.files) }, { at: at.at });
      for (const tree of parseFile(file, this.#s)) model = this.add(model, file, tree, directory, inner, trail);
    }
    const { name: _ignored, ...rest } = model;
    return rest;
  }

  /** The service with what it extends below it. */
  #extend(
    name: string,
    services: Readonly<Record<string, Service>>,
    file: string,
    environment: Readonly<Record<string, string>>,
    trail: readonly { readonly service: string; readonly file: string; readonly at: Position | undefined }[],
    tree?: MapTree,
  ): Service {
    const service = services[name];
    if (!service) throw new Error(`no service ${name}`);
    const { extends: from, ...own } = service;
    if (!from) return service;
    const place = `services.${name}.extends`;
    const at =
      this.#positions.get(`${place}.${from.file === undefined ? 'service' : 'file'}`) ?? this.#positions.get(place);
    const here = [...trail, { service: name, file, at: at ?? trail[0]?.at }];
    const source = from.file ?? file;
    if (here.some((t) => t.service === from.service && t.file === source)) {
      const chain = here.map((t, i) => `${i === 0 ? '' : 'extends '}${t.service} in ${shown(t.file, this.#s.cwd)}`);
      throw composeFileInvalid(
        {
          message: `Circular reference: ${chain.join(', ')}, extends ${from.service} in ${shown(source, this.#s.cwd)}`,
        },
        { at: at ?? trail[0]?.at },
      );
    }
    const within = from.file === undefined || from.file === file;
    const read = within ? undefined : this.#servicesOf(from.file ?? file, environment, at);
    const others = read?.services ?? services;
    if (!others[from.service]) {
      throw composeFileInvalid(
        {
          message: `cannot extend service "${name}" in ${shown(source, this.#s.cwd)}: service "${from.service}" not found`,
        },
        {
          at: this.#positions.get(`${place}.service`) ?? at ?? trail[0]?.at,
          hint: didYouMean(from.service, Object.keys(others)).replace(/^; /, '') || undefined,
        },
      );
    }
    const base = this.#extend(
      from.service,
      others,
      source,
      environment,
      here,
      from.file === undefined ? tree : undefined,
    );
    inherit(this.#notes.origins, `services.${name}`, read?.origins ?? this.#notes.origins, `services.${from.service}`);
    const written = child(child(tree, 'services'), name);
    return mergeServices(written ? forget(base, resetPaths(written)) : base, own);
  }

  #servicesOf(
    file: string,
    environment: Readonly<Record<string, string>>,
    at: Position | undefined,
  ): { readonly services: Readonly<Record<string, Service>>; readonly origins: Map<string, Position[]> } {
    const origins = new Map<string, Position[]>();
    if (this.#s.files.read(file) === undefined)
      throw composeInputMissing({ message: whyUnread(file, this.#s.files) }, { at });
    let model = EMPTY;
    for (const tree of parseFile(file, this.#s)) {
      const read = readModel(
        withoutReset(this.#interpolated(tree, environment) as MapTree),
        this.#where(posix.dirname(file), origins),
      );
      model = mergeModels(model, read);
    }
    return { services: model.services, origins };
  }
}
