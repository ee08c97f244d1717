import { readFile, writeFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { holderOf } from '../../core/port-user.ts';
import { isTaken } from '../apply/host-ports.ts';
import { projectContainers } from '../apply/observe.ts';
import type { Context } from '../context.ts';
import { command } from '../context.ts';
import type { Project } from '../model/project.ts';
import { label } from '../plan/labels.ts';
import type { Finding } from '../plan/lint.ts';
import { lint } from '../plan/lint.ts';

export default command({
  usage: 'lint [OPTIONS]',
  summary: 'Find what is risky or out of date in the files',
  flags: {
    fix: { names: '--fix', help: 'Change the files where that needs no thought' },
    json: { names: '--json', help: 'Print as JSON' },
  },
  async run(context, { flags }) {
    const project = await context.project();
    const findings = [...lint(project), ...(await clashesWithHost(context, project))];
    const left = flags.fix ? await fix(context, findings) : findings;
    if (flags.json) context.print(JSON.stringify(left, null, 2));
    else
      for (const { rule, at, message, hint } of left)
        context.print(`${at ? `${at.file}:${at.line}:${at.column}: ` : ''}${message}; ${hint} [${rule}]`);
    return left.length > 0 ? 1 : 0;
  },
});

/** Ports that a program of this host has, other than this project's own containers. */
async function clashesWithHost(context: Context, project: Project): Promise<Finding[]> {
  const found: Finding[] = [];
  let own: ReadonlySet<number> | undefined;
  for (const [name, service] of Object.entries(project.services)) {
    for (const port of service.ports ?? []) {
      const number = Number(port.published);
      if (port.protocol !== 'tcp' || !(number > 0) || !(await isTaken(number, port.host_ip))) continue;
      own ??= await portsOf(context, project.name);
      if (own.has(number)) continue;
      found.push({
        rule: 'port-clash-host',
        at: project.positions.get(`services.${name}.ports`),
        message: `service "${name}": port ${number} of this host is taken by ${holderOf('tcp', number) ?? 'another program'}`,
        hint: `see which: ss -ltnp "sport = :${number}"; or change the host port`,
      });
    }
  }
  return found;
}

/** What the project publishes now; without an engine nothing. */
async function portsOf(context: Context, project: string): Promise<ReadonlySet<number>> {
  const containers = await projectContainers(context.client, project).catch(() => []);
  const ours = containers.filter((c) => label(c, 'project') === project);
  return new Set(ours.flatMap((c) => c.Ports.flatMap((p) => p.PublicPort ?? [])));
}

/** Changes the lines that need no thought, the last of a file first, so that the others stay where they were found. */
async function fix(context: Context, findings: readonly Finding[]): Promise<Finding[]> {
  const left: Finding[] = [];
  const ordered = [...findings].sort(
    (a, b) => (b.at?.line ?? 0) - (a.at?.line ?? 0) || (b.at?.column ?? 0) - (a.at?.column ?? 0),
  );
  for (const finding of ordered) {
    const done = await fixOne(context, finding);
    if (done === undefined) left.push(finding);
    else context.print(`${finding.at?.file}:${finding.at?.line}: ${done}`);
  }
  return findings.filter((f) => left.includes(f));
}

/** What was done about it; `undefined`: nothing. */
async function fixOne(context: Context, { rule, at }: Finding): Promise<string | undefined> {
  if (!at || at.file === '<stdin>') return undefined;
  const file = posix.resolve(context.io.cwd, at.file);
  const lines = (await readFile(file, 'utf8')).split('\n');
  const line = lines[at.line - 1] ?? '';
  let said: string;
  // Only when it is still what was found.
  if (rule === 'version' && /^version\s*:/.test(line)) {
    lines.splice(at.line - 1, lines[at.line]?.trim() === '' && at.line === 1 ? 2 : 1);
    said = 'removed the line with `version`';
  } else if (rule === 'unquoted-port') {
    const port = /^\d+:\d+/.exec(line.slice(at.column - 1))?.[0];
    if (port === undefined) return undefined;
    lines[at.line - 1] = `${line.slice(0, at.column - 1)}"${port}"${line.slice(at.column - 1 + port.length)}`;
    said = `put ${port} in quotes`;
  } else return undefined;
  await writeFile(file, lines.join('\n'));
  return said;
}
