/** One set of files, and how the tool is called on it. A string is the one file `compose.yaml`. */
export type Case =
  | string
  | {
      readonly files: Readonly<Record<string, string>>;
      readonly args?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      readonly stdin?: string;
      /** Below the folder of the files. */
      readonly cwd?: string;
    };
export type Cases = Readonly<Record<string, Case>>;
