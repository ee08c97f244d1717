import { styleText } from 'node:util';
import { arity, command, type CommandContext } from '../command.ts';
import { askEngine, configFindings, diskFindings } from '../doctor/engine.ts';
import {
  cgroupFindings,
  cgroupsOf,
  clockFindings,
  kernelFindings,
  networkFindings,
  runtimeFindings,
} from '../doctor/host.ts';
import { thisMachine, type Finding } from '../doctor/machine.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';

export const doctor = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  description:
    'Looks at the kernel, cgroups, runtimes, firewall, forwarding, disk, clock, engine and configuration. What does\nnot work is printed with the command that mends it. The exit code is 1 if anything fails.',
  options: { format: flag.string('--format', 'Format output: "json"') },
  async run({ options }, context) {
    if (options.format !== undefined && options.format !== 'json') {
      throw new ExitError(`unknown format "${options.format}": there is only json`, 1);
    }
    const findings = await examine(context);
    if (options.format === 'json') await context.print(`${JSON.stringify(findings, null, 4)}\n`);
    else await context.print(report(findings, context));
    return findings.some((f) => f.state === 'fail') ? 1 : 0;
  },
});

/** The machine is looked at only where the engine runs on it. */
async function examine(context: CommandContext): Promise<Finding[]> {
  const machine = thisMachine;
  const { findings: engine, info } = await askEngine(context);
  const clock = clockFindings(
    machine,
    typeof info?.['SystemTime'] === 'string' ? new Date(info['SystemTime']) : undefined,
  );
  const client = configFindings(context, machine);
  if (!context.client.host.startsWith('unix://')) return [...engine, ...clock, ...client];
  const cgroups = cgroupsOf(machine);
  const working = info === undefined ? undefined : Object.keys((info['Runtimes'] as object | undefined) ?? {});
  return [
    ...kernelFindings(machine),
    ...cgroupFindings(cgroups, machine),
    ...runtimeFindings(cgroups, working, machine),
    ...networkFindings(machine),
    ...diskFindings(info?.DockerRootDir ?? '/var/lib', machine),
    ...clock,
    ...client,
    ...engine,
  ];
}

const MARKS = { ok: ['ok  ', 'green'], note: ['note', 'yellow'], fail: ['FAIL', 'red'] } as const;

function report(findings: readonly Finding[], { stdout, env }: CommandContext): string {
  const colour = stdout.isTTY === true && !env['NO_COLOR'];
  const width = Math.max(...findings.map((f) => f.subject.length));
  const lines = findings.flatMap(({ state, subject, text, remedy }) => {
    const [mark, tint] = MARKS[state];
    const shown = colour ? styleText(tint, mark, { validateStream: false }) : mark;
    const line = `${shown}  ${subject.padEnd(width)}  ${text}`;
    return remedy === undefined ? [line] : [line, `${' '.repeat(width + 8)}${remedy}`];
  });
  const failed = findings.filter((f) => f.state === 'fail').length;
  const noted = findings.filter((f) => f.state === 'note').length;
  const things = (n: number) => `${n} thing${n === 1 ? '' : 's'}`;
  const end =
    failed > 0 ? `${things(failed)} to mend` : noted > 0 ? `All works; ${things(noted)} could be better` : 'All works';
  return `${lines.join('\n')}\n\n${end}\n`;
}
