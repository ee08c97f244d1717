import { ApiError, type Client } from '../../client/index.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { errorText, ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { suggestionAmong, suggestionFor } from '../suggest.ts';
import { inspectMissing } from '../format/inspect-fields.ts';
import { CompiledTemplate, TemplateExecError } from '../format/template.ts';
import { platformOf } from '../spec/platform.ts';
import { objectFormat } from '../format/format-flag.ts';

const KINDS = ['container', 'image', 'network', 'volume'] as const;
type Kind = (typeof KINDS)[number];

const format = objectFormat();
const size = flag.bool('-s, --size', 'Display total file sizes if the type is container');
const platform = flag.string(
  '--platform',
  "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
);
/** What docker inspects besides; there is no swarm here, and no plugin. */
const ELSEWHERE = ['config', 'node', 'plugin', 'secret', 'service', 'task'];

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
    if (kind === undefined) {
      if (ELSEWHERE.includes(type)) throw new ExitError(`there are no objects of type "${type}" here`, 1);
      const known = KINDS.map((k) => `"${k}"`).join(', ');
      throw new ExitError(`unknown type: "${type}": must be one of ${known}`, 1);
    }
    if (options.size && kind !== 'container') context.warn(`WARNING: --size ignored for ${kind}`);
    return show(args, [kind], { ...options, any: false }, context);
  },
});

/** `inspect` of one kind of object: `container inspect`. */
export function inspectOnly(kind: Kind) {
  return command({
    usage: `[OPTIONS] ${kind.toUpperCase()} [${kind.toUpperCase()}...]`,
    arity: arity.atLeast(1),
    options: {
      format,
      size: { ...flag.bool('-s, --size', 'Display total file sizes'), hidden: kind !== 'container' },
      platform: { ...platform, hidden: kind !== 'image' },
      verbose: { ...flag.bool('-v, --verbose', 'Verbose output for diagnostics'), hidden: kind !== 'network' },
    },
    run: ({ args, options }, context) => show(args, [kind], { ...options, any: false }, context),
  });
}

interface Look {
  readonly size: boolean;
  readonly platform?: string | undefined;
  readonly verbose?: boolean;
  /** Whether a name that is none of one kind may be one of the next. */
  readonly any: boolean;
}

function show(
  names: readonly string[],
  kinds: readonly Kind[],
  options: Look & { readonly format: string | undefined },
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
    template = new CompiledTemplate(format, inspectMissing);
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
  { size: withSize, any, platform: asked, verbose }: Look,
  client: Client,
): Promise<unknown> {
  for (const kind of kinds) {
    try {
      if (kind === 'container') return await client.containers.inspect(name, withSize ? { size: true } : {});
      if (kind === 'image') return await client.images.inspect(name, platformOf(asked));
      if (kind === 'network') return await client.networks.inspect(name, verbose === true ? { verbose } : {});
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
