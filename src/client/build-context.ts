import type { ContextSource, DirectoryContext } from './contract.ts';

/**
 * A directory as a build context. As a tar: `.dockerignore` obeyed (`<Dockerfile>.dockerignore` wins), the Dockerfile always in
 * it, owners set to root, hard links written as files. A Dockerfile outside of the directory is added under a generated name.
 * Files are read while the tar is; a failure destroys it.
 * @throws {WharfError} `BUILD_CONTEXT_NOT_FOUND`, `DOCKERFILE_NOT_FOUND`, `INVALID_IGNORE_PATTERN`
 */
export async function directoryContext(options: ContextSource): Promise<DirectoryContext> {
  // Loaded when something is built: the packer and what it needs would slow down every other command's start.
  const { surveyDirectory } = await import('./context-packer.ts');
  return surveyDirectory(options);
}
