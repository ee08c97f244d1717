import { invalidParameter } from '../../core/errors.ts';
import type { Platform } from '../../core/platform.ts';

const ALIASES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
  i386: ['386'],
  i686: ['386'],
};
/** What a name without variant means, and older variants that run on newer machines, best first. */
const DEFAULT_VARIANT: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' };
const OLDER: Readonly<Record<string, readonly string[]>> = {
  arm: ['v8', 'v7', 'v6', 'v5'],
  amd64: ['v4', 'v3', 'v2', 'v1'],
};

/** `linux/arm64`, `linux/arm/v7`, `linux/aarch64`; `arm64` alone is one of Linux. @throws {WharfError} `INVALID_PARAMETER` */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  const [os = '', named = '', given, ...more] = parts.length === 1 && text !== 'linux' ? ['linux', ...parts] : parts;
  const [architecture, implied] = ALIASES[named] ?? [named];
  if (!/^[a-z0-9_.]+$/.test(os) || !/^[a-z0-9_.-]+$/.test(architecture) || given === '' || more.length > 0) {
    throw invalidParameter({ message: `"${text}": unknown operating system or architecture: invalid argument` });
  }
  const variant = given ?? implied;
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

/**
 * Of several offers the one that suits a platform best: the same variant, else the newest older one, else any of that processor.
 * `undefined`: none does.
 */
export function bestFor<T extends { readonly platform?: Platform }>(
  wanted: Platform,
  offers: readonly T[],
): T | undefined {
  const { os, architecture } = wanted;
  const fits = offers.filter(({ platform }) => platform?.os === os && platform.architecture === architecture);
  const variantOf = ({ variant }: Platform): string => variant || DEFAULT_VARIANT[architecture] || '';
  const have = variantOf(wanted);
  const ladder = OLDER[architecture] ?? [];
  const order = [have, ...ladder.slice(Math.max(0, ladder.indexOf(have))), ''];
  for (const variant of order) {
    const found = fits.find(({ platform }) => platform !== undefined && variantOf(platform) === variant);
    if (found) return found;
  }
  // A variant that was asked for must be that one or an older one.
  return wanted.variant === undefined || ladder.length === 0 ? fits[0] : undefined;
}
