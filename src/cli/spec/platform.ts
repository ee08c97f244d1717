import { hostPlatform, type Platform } from '../../core/platform.ts';
import { flag } from '../flags.ts';

const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'dragonfly',
  'freebsd',
  'illumos',
  'js',
  'linux',
  'netbsd',
  'openbsd',
  'plan9',
  'solaris',
  'wasip1',
  'windows',
]; // prettier-ignore
const ARCHITECTURES = [
  '386',
  'amd64',
  'arm',
  'arm64',
  'loong64',
  'mips',
  'mips64',
  'mips64le',
  'mipsle',
  'ppc64',
  'ppc64le',
  'riscv64',
  's390x',
  'wasm',
]; // prettier-ignore
const OTHER_NAMES: Readonly<Record<string, readonly [architecture: string, variant: string]>> = {
  i386: ['386', ''],
  x86_64: ['amd64', ''],
  'x86-64': ['amd64', ''],
  aarch64: ['arm64', ''],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};

/**
 * Reads `os[/arch[/variant]]`, or an architecture alone, as containerd does: `linux/aarch64` is `linux/arm64`.
 * @throws {Error} in its words
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (parts.length > 3) throw new Error(`"${text}": cannot parse platform specifier: invalid argument`);
  const wrong = parts.find((part) => !/^[A-Za-z0-9_.-]+$/.test(part));
  if (wrong !== undefined) {
    throw new Error(
      `"${wrong}" is an invalid component of "${text}": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`,
    );
  }
  const [first = '', second, third] = parts.map((part) => part.toLowerCase());
  if (second !== undefined) return normal(first === 'macos' ? 'darwin' : first, second, third);
  if (SYSTEMS.includes(first)) return { os: first, architecture: hostPlatform().architecture };
  if (ARCHITECTURES.includes(first) || first in OTHER_NAMES) return normal(hostPlatform().os, first, undefined);
  throw new Error(`"${text}": unknown operating system or architecture: invalid argument`);
}

function normal(os: string, name: string, given: string | undefined): Platform {
  const [architecture, own] = OTHER_NAMES[name] ?? [name, ''];
  const plain = { arm64: ['8', 'v8'], amd64: ['v1'] }[architecture];
  const named = given ?? own;
  const variant = plain?.includes(named) === true ? '' : /^\d+$/.test(named) ? `v${named}` : named;
  return variant === '' ? { os, architecture } : { os, architecture, variant };
}

/** `--platform` of commands on one image that may have several; `about` says what it selects. */
export const platformFlag = (about: string) =>
  flag.string('--platform', `${about}. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")`);

/** The same, repeatable. */
export const platformsFlag = (about: string) =>
  flag.list('--platform', `${about}. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")`, { type: 'strings' });

/** The platform asked for. @throws {Error} `invalid platform: ...` */
export function platformOf(text: string | undefined, prefix = ''): Platform | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return parsePlatform(text);
  } catch (e) {
    throw new Error(`${prefix}${(e as Error).message}`, { cause: e });
  }
}
