import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { wholeNumber } from '../flags.ts';

export default command({
  usage: 'viz [OPTIONS]',
  summary: 'Generate a graphviz graph from your compose file',
  flags: {
    image: { names: '--image', help: "Include service's image name in output graph" },
    indentationSize: {
      names: '--indentation-size',
      value: 'int',
      help: 'Number of tabs or spaces to use for indentation',
    },
    networks: { names: '--networks', help: "Include service's attached networks in output graph" },
    ports: { names: '--ports', help: "Include service's exposed ports in output graph" },
    spaces: { names: '--spaces', help: 'If given, space character will be used to indent' },
  },
  async run(context, { flags }) {
    const size = wholeNumber(flags.indentationSize, '--indentation-size') ?? 1;
    if (size < 0) throw composeUsage({ message: '--indentation-size must not be negative' });
    const indent = (flags.spaces ? ' ' : '\t').repeat(size);
    const project = await context.project();
    const section = (title: string, lines: readonly string[]): string =>
      `<font point-size="10"><br/><br/><b>${title}:</b>${lines.map((l) => `<br/>${xml(l)}`).join('')}</font>`;
    const lines = [`digraph "${project.name}" {`, `${indent}layout=dot;`];
    for (const [name, service] of Object.entries(project.services)) {
      const networks = Object.keys(service.networks ?? {}).sort();
      const ports = (service.ports ?? []).map(
        (p) =>
          `${p.host_ip === undefined ? '' : `${p.host_ip}:`}${p.published ?? ''}:${p.target} (${p.protocol}, ${p.mode})`,
      );
      const label = [
        `<font point-size="15">${xml(name)}</font>`,
        ...(flags.networks && networks.length > 0 ? [section('Networks', networks)] : []),
        ...(flags.ports && ports.length > 0 ? [section('Ports', ports)] : []),
        ...(flags.image ? [section('Image', [service.image ?? ''])] : []),
      ];
      lines.push(`${indent}"${name}" [style="filled" label=<${label.join('')}>];`);
    }
    lines.push('');
    for (const [name, service] of Object.entries(project.services))
      for (const need of Object.keys(service.depends_on ?? {})) lines.push(`${indent}"${name}" -> "${need}";`);
    context.print([...lines, '}', ''].join('\n'));
    return 0;
  },
});

function xml(text: string): string {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
