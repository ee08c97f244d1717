/**
 * Versions of OCI runtimes that containers can get out of by writing to the runtime's own program through /proc/self/exe, or
 * by links that a container's image brings: they are not used. Distributions' later fixes of old versions are not seen by
 * their number; the first safe ones here are from 2019, so that only what is older than every supported release is refused.
 */
const FIRST_SAFE: Readonly<Record<string, { readonly version: string; readonly why: string }>> = {
  runc: { version: '1.0.0-rc9', why: 'CVE-2019-5736, CVE-2019-16884' },
  crun: { version: '0.10.5', why: 'CVE-2019-18837' },
};

/** Why a runtime must not be used; empty if nothing is known against it. @param version as `--version` says it */
export function unsafeReason(kind: string, version: string): string {
  const safe = FIRST_SAFE[kind];
  if (safe === undefined || !/^\d/.test(version) || compare(version, safe.version) >= 0) return '';
  return `${kind} ${version} lets containers get out (${safe.why}): ${safe.version} or newer is needed`;
}

/** Numbers by value; a release candidate comes before its release. */
function compare(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < left.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parts(version: string): number[] {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[-~]rc\.?(\d+))?/.exec(version);
  const [major, minor, patch] = [1, 2, 3].map((i) => Number(match?.[i] ?? 0));
  return [major ?? 0, minor ?? 0, patch ?? 0, match?.[4] === undefined ? Number.MAX_SAFE_INTEGER : Number(match[4])];
}
