export function withUnpackedPackages<T>(
  suite: string,
  packages: readonly string[],
  body: (root: string) => T | Promise<T>,
): Promise<T>;
