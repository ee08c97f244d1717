export function installPackages(
  ...groups: ('engine' | 'baseImages' | 'examples' | 'clients' | 'vm')[]
): Promise<void>;
/** What the product and its tests need, for a machine that is made anew. */
export function packageNames(): string[];
