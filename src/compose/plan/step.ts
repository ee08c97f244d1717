import type { DependencyCondition } from '../model/service.ts';

/** Everything that `up` may do; each kind with what it needs to be done and shown. */
interface Steps {
  createNetwork: { readonly key: string; readonly name: string };
  /** The definition changed: containers leave the network, it is made anew. */
  replaceNetwork: { readonly key: string; readonly name: string; readonly containers: readonly string[] };
  createVolume: { readonly key: string; readonly name: string };
  create: { readonly service: string; readonly number: number; readonly name: string };
  recreate: {
    readonly service: string;
    readonly number: number;
    readonly name: string;
    readonly container: string;
    readonly because: readonly string[];
  };
  /** Stops and removes one that is not wanted any more. */
  remove: { readonly container: string; readonly name: string; readonly because: string };
  /** Gives its name to one that was made in another's place, when that was cut short. */
  rename: { readonly container: string; readonly name: string };
  /** Stops one whose dependency is replaced; it is started again later. */
  stop: { readonly container: string; readonly name: string };
  /** Nothing to do: it runs as it should. */
  keep: { readonly container: string; readonly name: string };
  await: {
    readonly service: string;
    readonly on: string;
    readonly condition: DependencyCondition;
    readonly required: boolean;
  };
  start: { readonly service: string; readonly name: string };
}
export type StepKind = keyof Steps;
/** `after` holds IDs of steps that must have succeeded before. */
export type Step<K extends StepKind = StepKind> = {
  [P in K]: { readonly kind: P; readonly id: string; readonly after: readonly string[] } & Steps[P];
}[K];

/** A function for each kind: a new kind compiles only when it can be done. */
export type ForEachStep<R> = { readonly [K in StepKind]: (step: Step<K>) => R };
