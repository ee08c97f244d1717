export { runCli } from './main.ts';
export type { CliIo } from './command.ts';
