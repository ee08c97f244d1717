/** The files that loading may read. Loading itself does no I/O. */
export interface FileReader {
  /** The text of a file, or `undefined` if there is none. `-` is standard input. */
  read(path: string): string | undefined;
  isDirectory(path: string): boolean;
}

/** Why a file that was named could not be read, in docker compose's words. */
export function whyUnread(path: string, files: FileReader): string {
  return files.isDirectory(path) ? `read ${path}: is a directory` : `open ${path}: no such file or directory`;
}

/** Everything that decides what is loaded. */
export interface Surroundings {
  readonly files: FileReader;
  readonly cwd: string;
  /** The home directory, for `~`. */
  readonly home: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told once for each distinct text. */
  readonly warn: (text: string) => void;
}
