import { readFile, writeFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { command } from '../context.ts';
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
    const findings = lint(project);
    const left: Finding[] = [];
    for (const finding of findings) {
      if (flags.fix && finding.rule === 'version' && finding.at && finding.at.file !== '<stdin>') {
        await removeLine(posix.resolve(context.io.cwd, finding.at.file), finding.at.line);
        context.print(`${finding.at.file}:${finding.at.line}: removed the line with \`version\``);
      } else left.push(finding);
    }
    if (flags.json) context.print(JSON.stringify(left, null, 2));
    else
      for (const { rule, at, message, hint } of left)
        context.print(`${at ? `${at.file}:${at.line}:${at.column}: ` : ''}${message}; ${hint} [${rule}]`);
    return left.length > 0 ? 1 : 0;
  },
});

async function removeLine(file: string, line: number): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  // Only when it is still what was found.
  if (/^version\s*:/.test(lines[line - 1] ?? ''))
    lines.splice(line - 1, lines[line]?.trim() === '' && line === 1 ? 2 : 1);
  await writeFile(file, lines.join('\n'));
}
