import type { Candidate } from './names.ts';

/** What may stand at the cursor: words, or a path that the shell completes itself. */
export interface Completion {
  readonly kind: 'words' | 'files' | 'folders';
  readonly candidates: readonly Candidate[];
}
