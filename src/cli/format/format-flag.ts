import { flag } from '../flags.ts';

const TEMPLATE =
  "'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\nRefer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

/** `--format` of commands that print tables. */
export const tableFormat = () =>
  flag.string(
    '--format',
    `Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n${TEMPLATE}`,
  );

/** `--format` of commands that print objects. */
export const objectFormat = (names = '-f, --format') =>
  flag.string(names, `Format output using a custom template:\n${TEMPLATE}`);
