import { ApiError, type Client } from '../../client/index.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { errorText, ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { suggestionAmong, suggestionFor } from '../suggest.ts';
import { inspectMissing } from '../format/inspect-fields.ts';
import { CompiledTemplate, TemplateExecError } from '../format/template.ts';
import { objectFormat } from '../format/format-flag.ts';

const KINDS = ['container', 'image', 'network', 'volume'] as const;
type Kind = (typeof KINDS)[number];

const format = objectFormat();
const size = flag.bool('-s, --size', 'Display total file sizes');

export const inspect = command({
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  arity: arity.atLeast(1),
  examples: [
    ['One field', "wharf inspect -f '{{.State.Status}}' web"],
    ['The address on each network', "wharf inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' web"],
  ],
  options: { format, size, type: flag.string('--type', 'Only inspect objects of the given type') },
  run({ args, options }, context) {
    const { type } = options;
    if (type === undefined) return show(args, KINDS, { ...options, any: true }, context);
    const kind = KINDS.find((k) => k === type);
    if (kind === undefined)
      throw new ExitError(`unknown type: "${type}": must be one of ${KINDS.map((k) => `"${k}"`).join(', ')}`, 1);
    return show(args, [kind], { ...options, any: false }, context);
  },
});

/** `inspect` of one kind of object: `container inspect`. */
export function inspectOnly(kind: Kind) {
  return command({
    usage: `[OPTIONS] ${kind.toUpperCase()} [${kind.toUpperCase()}...]`,
    arity: arity.atLeast(1),
    options: { format, size: { ...size, hidden: kind !== 'container' } },
    run: ({ args, options }, context) => show(args, [kind], { ...options, any: false }, context),
  });
}

function show(
  names: readonly string[],
  kinds: readonly Kind[],
  options: { readonly format: string | undefined; readonly size: boolean; readonly any: boolean },
  context: CommandContext,
): Promise<number> {
  return showObjects(names, (name) => lookUp(name, kinds, options, context.client), options.format, context);
}

/**
 * Prints what `look` finds for each name, as JSON or by a template; then what it did not find.
 * @returns the exit code
 */
export async function showObjects(
  names: readonly string[],
  look: (name: string) => Promise<unknown>,
  format: string | undefined,
  context: CommandContext,
): Promise<number> {
  let template: CompiledTemplate | undefined;
  if (format !== undefined && format !== 'json') {
    template = new CompiledTemplate(format.replaceAll('\\t', '\t').replaceAll('\\n', '\n'), inspectMissing);
  }
  const failures: string[] = [];
  const found: unknown[] = [];
  for (const name of names) {
    try {
      found.push(await look(name));
    } catch (e) {
      failures.push(e instanceof NoSuchObject ? `Error: No such object: ${name}` : errorText(e));
      const near = await (e instanceof NoSuchObject
        ? suggestionAmong('object', name, context)
        : suggestionFor(e, context));
      if (near !== undefined) failures.push(near);
    }
  }
  let out = '';
  let code = failures.length === 0 ? 0 : 1;
  if (template !== undefined) {
    for (const object of found) {
      try {
        out += `${template.run(object)}\n`;
      } catch (e) {
        if (!(e instanceof TemplateExecError)) throw e;
        failures.push(`template parsing error: ${e.message}`);
        code = 1;
      }
    }
    if (out === '') out = '\n';
  } else if (format === 'json') out = found.length === 0 ? '[]\n' : `${JSON.stringify(found)}\n`;
  else out = found.length === 0 ? '[]\n' : `${JSON.stringify(found, null, 4)}\n`;
  await context.print(out);
  for (const text of failures) context.warn(text);
  return code;
}

class NoSuchObject extends Error {
  override readonly name = 'NoSuchObject';
}

/** Tries the kinds in their order; what is none of them does not exist. */
async function lookUp(
  name: string,
  kinds: readonly Kind[],
  { size: withSize, any }: { readonly size: boolean; readonly any: boolean },
  client: Client,
): Promise<unknown> {
  for (const kind of kinds) {
    try {
      if (kind === 'container') return await client.containers.inspect(name, withSize ? { size: true } : {});
      if (kind === 'image') return await client.images.inspect(name);
      if (kind === 'network') return await client.networks.inspect(name);
      return await client.volumes.inspect(name);
    } catch (e) {
      if (!any || !(e instanceof ApiError) || !mayBeOther(e)) throw e;
    }
  }
  throw new NoSuchObject();
}

/** A name that this kind of object cannot have may be the name of another. */
function mayBeOther(e: ApiError): boolean {
  return e.status === 404 || (e.status === 400 && /invalid reference|invalid repository/i.test(e.message));
}
