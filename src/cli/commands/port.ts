import type { PortBinding } from '../../core/wire/container.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';

export const port = command({
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  arity: arity.between(1, 2),
  examples: [['Where port 80 is published', 'wharf port web 80']],
  options: {},
  async run({ args }, context) {
    const [name = '', wanted] = args;
    const container = await context.client.containers.inspect(name);
    const ports = container.NetworkSettings.Ports ?? {};
    if (wanted !== undefined) {
      const number = wanted.split('/', 1)[0] ?? '';
      if (!/^\d+$/.test(number)) {
        throw new ExitError(
          `Error: invalid port (${number}): strconv.ParseUint: parsing "${number}": invalid syntax`,
          1,
        );
      }
      const key = wanted.includes('/') ? wanted.toLowerCase() : `${wanted}/tcp`;
      const bindings = ports[key];
      if (bindings === undefined || bindings === null || bindings.length === 0) {
        throw new ExitError(`Error: No public port '${wanted}' published for ${name}`, 1);
      }
      await context.print(bindings.map((b) => `${address(b)}\n`).join(''));
      return 0;
    }
    const lines = Object.entries(ports)
      .toSorted(([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1))
      .flatMap(([key, bindings]) => (bindings ?? []).map((b) => `${key} -> ${address(b)}\n`));
    await context.print(lines.join(''));
    return 0;
  },
});

function address({ HostIp = '', HostPort = '' }: PortBinding): string {
  return `${HostIp.includes(':') ? `[${HostIp}]` : HostIp}:${HostPort}`;
}
