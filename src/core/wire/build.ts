/** What a build tells while it runs, for clients that asked for it: one step is one `step`, then output, then one `done`. */
export type BuildEvent =
  | {
      readonly kind: 'plan';
      readonly file: string;
      /** Steps that this build will take. */
      readonly steps: number;
    }
  | {
      readonly kind: 'step';
      readonly id: number;
      /** As a progress display names it: `[stage 2/4] RUN make`. */
      readonly name: string;
      /** Only describes the image: ENV, CMD and the like. */
      readonly metadata: boolean;
      readonly line: number;
    }
  | { readonly kind: 'output'; readonly id: number; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | {
      readonly kind: 'transfer';
      readonly id: number;
      readonly what: string;
      readonly status: string;
      readonly current?: number | undefined;
      readonly total?: number | undefined;
      /** Where the text does not say it. */
      readonly done?: true | undefined;
    }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly outcome: 'done' | 'cached' | 'failed' | 'canceled';
      readonly ms: number;
      /** Why it was taken from the cache, or was not. */
      readonly why: string;
      /** Bytes of the layer; `undefined`: it made none. */
      readonly layerBytes?: number | undefined;
      readonly error?: string | undefined;
    }
  | ({ readonly kind: 'warning' } & BuildWarning)
  /** A cache was written. `waiting`: the name to fetch it by; `index` of those that were asked for. */
  | {
      readonly kind: 'cache-export';
      readonly index: number;
      readonly waiting: string;
      readonly manifest: { readonly mediaType: string; readonly digest: string; readonly size: number };
    }
  /** What was built for one platform. */
  | { readonly kind: 'image'; readonly image: string; readonly platform: string }
  /** Where the result was pushed, under which manifest or index. */
  | { readonly kind: 'pushed'; readonly digest: string }
  /** The answer to `describe`. */
  | { readonly kind: 'outline'; readonly outline: BuildOutline }
  | { readonly kind: 'targets'; readonly targets: BuildTargets }
  | {
      readonly kind: 'failure';
      /** The lines around the one that failed, that one marked. */
      readonly excerpt: string;
      /** An image of what the failed command left, if that was asked for. */
      readonly image: string | undefined;
    };

/** A finding of a build check. */
export interface BuildWarning {
  readonly rule: string;
  readonly message: string;
  readonly description: string;
  readonly url: string;
  readonly line: number;
  readonly column: number;
  /** Where the instruction ends, if that is another line. */
  readonly lastLine?: number | undefined;
}

/** One layer that the cache remembers, or one cache mount; in the words of `GET /system/df`. */
export interface CacheEntry {
  readonly ID: string;
  readonly Type: 'regular' | 'exec.cachemount';
  readonly Description: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt: string | null;
  readonly UsageCount: number;
  readonly Parents?: readonly string[];
}

export interface BuildRecord {
  readonly id: string;
  readonly startedAt: string;
  readonly ms: number;
  readonly status: 'completed' | 'failed' | 'canceled';
  readonly dockerfile: string;
  readonly target: string;
  readonly tags: readonly string[];
  readonly image: string | undefined;
  readonly error: string | undefined;
  readonly steps: readonly StepRecord[];
}

export interface StepRecord {
  readonly name: string;
  readonly outcome: 'done' | 'cached' | 'failed' | 'canceled';
  readonly why: string;
  readonly ms: number;
  readonly layerBytes: number | undefined;
}

/** Lines of a Dockerfile, as BuildKit's descriptions give them: a range for each. */
export interface SourceLocation {
  readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[];
}

/** What a build can be given; in the words of BuildKit's `frontend.outline`, where what is empty is left out. */
export interface BuildOutline {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly args?: readonly OutlineArg[] | undefined;
  readonly secrets?: readonly OutlineMount[] | undefined;
  readonly ssh?: readonly OutlineMount[] | undefined;
  /** The Dockerfile, base64. */
  readonly sources: readonly string[];
}

export interface OutlineArg {
  readonly name: string;
  readonly description?: string | undefined;
  readonly value?: string | undefined;
  readonly location: SourceLocation;
}

export interface OutlineMount {
  readonly name: string;
  readonly required?: true | undefined;
  readonly location: SourceLocation;
}

/** The stages of a Dockerfile; in the words of BuildKit's `frontend.targets`. */
export interface BuildTargets {
  readonly targets: readonly BuildTarget[];
  /** The Dockerfile, base64. */
  readonly sources: readonly string[];
}

export interface BuildTarget {
  readonly name?: string | undefined;
  readonly default?: true | undefined;
  readonly description?: string | undefined;
  /** As written. */
  readonly base: string;
  readonly platform?: string | undefined;
  readonly location: SourceLocation;
}
