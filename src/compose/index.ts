export { composeCommand } from './command.ts';
