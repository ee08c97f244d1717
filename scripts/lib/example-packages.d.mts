export const EXAMPLE_PACKAGES: string;
export function lockedPackages(): readonly (Readonly<Record<string, unknown>> & {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  readonly file: string;
})[];
export function fetchExamplePackages(): Promise<void>;
