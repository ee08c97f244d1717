import { messageOf, WharfError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import { formatPlatform, type Platform } from '../../core/platform.ts';
import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import type { Engine, Image } from '../../engine/index.ts';
import type { BuildRequest } from '../contract.ts';
import type { Dockerfile, Instruction } from '../dockerfile/instructions.ts';
import { stepFailed } from '../errors.ts';
import type { Lane } from './output.ts';

const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

const ARCHITECTURES =
  /^(386|amd64|x86_64|arm|arm64|aarch64|armhf|armel|loong64|mips|mips64|mips64le|mipsle|ppc64|ppc64le|riscv64|s390x|wasm)$/;

/** What `--platform` names, each once; none is the host's own. @throws {WharfError} `BUILD_STEP_FAILED` */
export function parsePlatforms(text: string, host: Platform): Platform[] {
  const named = text.split(',').map((one) => one.trim());
  const all = text === '' ? [host] : named.map((one) => parsePlatform(one, host));
  return [...new Map(all.map((platform) => [formatPlatform(platform), platform])).values()];
}

/** `linux/arm64/v8`, or a system or an architecture alone. @throws {WharfError} `BUILD_STEP_FAILED` */
export function parsePlatform(text: string, host: Platform): Platform {
  const [os = '', architecture, variant, ...more] = text.toLowerCase().split('/');
  const fail = (why: string) =>
    stepFailed({ message: `failed to parse platform ${text}: ${JSON.stringify(text)}: ${why}: invalid argument` });
  if (os === '' || more.length > 0 || !/^[a-z0-9_.-]+(\/[a-z0-9_.-]+)*$/.test(text.toLowerCase())) {
    throw fail('cannot parse platform specifier');
  }
  if (architecture === undefined && os !== 'linux' && !ARCHITECTURES.test(os)) {
    throw fail('unknown operating system or architecture');
  }
  const names: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };
  const known = (name: string) => names[name] ?? name;
  if (architecture === undefined) return os === 'linux' ? host : { os: host.os, architecture: known(os) };
  return { os, architecture: known(architecture), ...(variant === undefined ? {} : { variant }) };
}

/**
 * The image that a FROM or `--from` names: the one that is here, else it is pulled.
 * @throws {WharfError} that says which line wanted it
 */
export async function findBaseImage(
  reference: string,
  platform: string,
  from: Instruction,
  to: { readonly engine: Engine; readonly request: BuildRequest; readonly file: Dockerfile; readonly lane: Lane },
  signal: AbortSignal,
): Promise<Image> {
  const { engine, request, file } = to;
  const here = engine.images.find(reference);
  // What goes by its ID is that one image: there is nothing newer to pull.
  const pull = request.pull && !reference.startsWith('sha256:');
  if (here !== undefined && !pull && fits(here, platform)) return here;
  try {
    const ref = withDefaultTag(parseReference(reference));
    const options = {
      tag: ref.digest ?? ref.tag ?? 'latest',
      platform: platform || undefined,
      auth: await authOf(ref.registry, request),
    };
    await engine.images.pull(familiarName(ref), options, (m) => to.lane.send(m), signal);
    return engine.images.get(reference);
  } catch (e) {
    signal.throwIfAborted();
    const column = from.column + Math.max(0, from.source.indexOf(reference));
    const at = { file: file.file, line: from.line, column, lastLine: from.lastLine };
    const near = nearest(
      reference,
      file.stages.flatMap(({ name, from: other }) => (name === undefined || other.line >= from.line ? [] : [name])),
    );
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
    const message =
      request.extras?.style === 'buildkit'
        ? `${reference}: failed to resolve source metadata: ${messageOf(e)}${hint}`
        : `${messageOf(e)} (${at.file}:${at.line}:${at.column})${hint}`;
    if (e instanceof WharfError) throw new WharfError(e.code, e.kind, message, { ...e.context, at, cause: e });
    throw stepFailed({ message }, { at, cause: e });
  }
}

function fits(image: Image, platform: string): boolean {
  if (platform === '') return true;
  const { os, architecture } = parsePlatform(platform, image.config);
  return image.config.os === os && image.config.architecture === architecture;
}

/** What to log in to a registry with, if anything. */
export async function authOf(
  registry: string,
  { registryConfig: config, extras }: Pick<BuildRequest, 'registryConfig' | 'extras'>,
): Promise<RegistryAuth | undefined> {
  const known = registry === 'docker.io' ? (config[DOCKER_HUB_KEY] ?? config['docker.io']) : config[registry];
  return known ?? extras?.ask?.credentials(registry);
}
