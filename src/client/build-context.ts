import type { Readable } from 'node:stream';

/**
 * A tar of a build context directory, as `POST /build` takes it: `.dockerignore` obeyed, the Dockerfile always in it, owners
 * set to root. A Dockerfile outside of the directory is added under a generated name.
 */
export function packContext(_options: {
  readonly directory: string;
  /** Path of the Dockerfile, absolute. */
  readonly dockerfile: string;
}): Promise<{ readonly tar: Readable; readonly dockerfile: string }> {
  throw new Error('the context packer is being written');
}
