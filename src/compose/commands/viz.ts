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
    const lines = [`digraph ${project.name} {`, `${indent}layout=dot;`, `${indent}node [shape=plaintext];`];
    for (const [name, service] of Object.entries(project.services)) {
      const networks = Object.keys(service.networks ?? {});
      const facts = [
        ...(flags.networks && networks.length > 0 ? ['Networks:', ...networks.map((n) => `- ${n}`)] : []),
        ...(flags.ports && service.ports
          ? ['Ports:', ...service.ports.map((p) => `- ${p.published ?? ''}:${p.target}/${p.protocol}`)]
          : []),
        ...(flags.image ? ['Image:', service.image ?? ''] : []),
      ];
      lines.push(
        `${indent}"${name}" [label=${JSON.stringify([name, ...facts].join('\\n')).replaceAll('\\\\n', '\\n')}];`,
      );
    }
    for (const [name, service] of Object.entries(project.services)) {
      const needs = Object.keys(service.depends_on ?? {});
      if (needs.length > 0) lines.push(`${indent}"${name}" -> { ${needs.map((n) => `"${n}"`).join(' ')} };`);
    }
    lines.push('}');
    context.print(lines.join('\n'));
    return 0;
  },
});
