export function run(
  command: string,
  args: readonly string[],
  options?: { readonly show?: boolean; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly input?: string },
): Promise<string>;
