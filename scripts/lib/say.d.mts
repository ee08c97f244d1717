export function step(text: string): void;
export function done(text: string): void;
export function note(text: string): void;
export function fail(text: string, hint?: string): never;
export function seconds(ms: number): string;
