export function installPackages(...groups: ('engine' | 'baseImages' | 'examples' | 'clients')[]): Promise<void>;
