import { posix } from 'node:path';
import { composeFileInvalid } from '../errors.ts';

/** Lower case, only letters, digits, `_` and `-`, beginning with a letter or digit. */
export function normaliseName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

/**
 * The project's name: `-p` and `COMPOSE_PROJECT_NAME` are taken as they are, a name from the file or the folder is normalised.
 * @throws {WharfError} `COMPOSE_FILE_INVALID`
 */
export function projectName(sources: {
  readonly flag: string | undefined;
  readonly environment: string | undefined;
  readonly file: string | undefined;
  readonly directory: string;
}): string {
  const exact = sources.flag || sources.environment;
  if (exact) {
    if (normaliseName(exact) === exact) return exact;
    throw composeFileInvalid({
      message: `invalid project name ${JSON.stringify(exact)}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
    });
  }
  const name = normaliseName(sources.file || posix.basename(sources.directory));
  if (name === '')
    throw composeFileInvalid({ message: 'project name must not be empty' }, { hint: 'give one with -p NAME' });
  return name;
}
