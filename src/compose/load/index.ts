export { canonical, goJson } from './canonical.ts';
export { loadProject, loadProjectName } from './load.ts';
export type { LoadOptions } from './load.ts';
export { inDependencyOrder, withDependencies } from './order.ts';
export { variablesIn } from './template.ts';
export type { VariableUse } from './template.ts';
export type { FileReader, Surroundings } from './surroundings.ts';
