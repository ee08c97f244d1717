export const CLI_PLUGINS: string;
export function fetchCliPlugins(): Promise<void>;
