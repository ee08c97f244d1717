import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Nft } from '../linux/index.ts';
import { ownFirewallProcess } from '../linux/index.ts';
import { markOf } from './bridge.ts';
import type { BridgeNetwork, Family } from './contract.ts';

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

/** The two families of iptables: program, nft's family, and where a kernel with the old backend lists its tables. */
const FAMILIES = [
  { number: 4, program: 'iptables', family: 'ip', legacy: '/proc/net/ip_tables_names' },
  { number: 6, program: 'ip6tables', family: 'ip6', legacy: '/proc/net/ip6_tables_names' },
] as const;

/**
 * Other people's firewalls where they drop what is forwarded (policy of Docker, ufw and many hand-made ones): what one table
 * accepts another one may still drop, so that nothing in a table of our own can help. In iptables' FORWARD chain our bridges
 * are let through, as every container engine does there (in DOCKER-USER where Docker keeps that at the top); what may not
 * reach a container is dropped by our own table all the same. Any other table is its owner's: what it does is told in
 * `warnings`, with the command that mends it.
 */
export class ForeignFirewall {
  readonly #mark: string;
  readonly #log: Logger;
  #warnings: readonly string[] = [];

  constructor(instance: string, log: Logger) {
    this.#mark = markOf(instance);
    this.#log = log;
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Lets the bridges of these networks through, and no other ones that were ours. Never fails: what it could not do is a warning. */
  sync(nft: Nft, networks: readonly BridgeNetwork[]): void {
    let chains: Chain[];
    try {
      chains = forwardChains(nft);
    } catch (error) {
      this.#log.warn('the firewall could not be read', { error: messageOf(error) });
      return;
    }
    const warnings: string[] = [];
    const ours = new Set<string>();
    for (const { number, program, family, legacy } of FAMILIES) {
      const bridges = bridgesOf(networks, number);
      for (const bridge of bridges) ours.add(bridge);
      const isIptables = (c: Chain) => c.family === family && c.table === 'filter' && c.name === 'FORWARD';
      if (!chains.some(isIptables) && !hasFilterTable(legacy)) continue;
      try {
        this.#syncIptables(program, bridges);
      } catch (error) {
        warnings.push(`${program}: the bridges of containers could not be let through: ${messageOf(error)}`);
      }
    }
    if (ours.size > 0) warnings.push(...chains.flatMap((c) => complaint(c, [...ours])));
    for (const warning of warnings) {
      if (!this.#warnings.includes(warning)) this.#log.warn('firewall', { problem: warning });
    }
    this.#warnings = warnings;
  }

  #syncIptables(program: string, bridges: readonly string[]): void {
    const rules = iptables(program, ['-S']).split('\n');
    const forward = rules.filter((rule) => rule.startsWith('-A FORWARD '));
    const drops = rules.includes('-P FORWARD DROP') || forward.some((rule) => / -j (DROP|REJECT)\b/.test(rule));
    const chain = forward.some((rule) => rule.endsWith('-j DOCKER-USER')) ? 'DOCKER-USER' : 'FORWARD';
    const wanted = drops ? bridges.flatMap((bridge) => [this.#rule('-i', bridge), this.#rule('-o', bridge)]) : [];
    const there = rules.filter((rule) => rule.includes(this.#mark));
    for (const rule of there) {
      const text = rule.replace(/^-A \S+ /, '').replaceAll('"', '');
      if (rule.startsWith(`-A ${chain} `) && wanted.includes(text)) wanted.splice(wanted.indexOf(text), 1);
      else iptables(program, ['-D', rule.split(' ')[1] ?? '', ...text.split(' ')]);
    }
    for (const text of wanted) iptables(program, ['-I', chain, ...text.split(' ')]);
    if (wanted.length > 0) this.#log.info('bridges let through the firewall', { program, chain, bridges });
  }

  #rule(direction: string, bridge: string): string {
    return `${direction} ${bridge} -m comment --comment ${this.#mark} -j ACCEPT`;
  }
}

/** Those for which there is anything of ours in the firewall. */
function bridgesOf(networks: readonly BridgeNetwork[], family: Family): string[] {
  return networks.filter((n) => !n.withoutFirewall?.includes(family)).map((n) => n.bridge);
}

function forwardChains(nft: Nft): Chain[] {
  const answer = JSON.parse(nft.run('list chains', { json: true }) || '{}') as { nftables?: { chain?: Chain }[] };
  return (answer.nftables ?? []).flatMap(({ chain }) => (chain?.hook === 'forward' ? [chain] : []));
}

/** What a chain of somebody's own table does to forwarded packets, and how he lets ours through. */
function complaint({ family, table, name, policy }: Chain, bridges: readonly string[]): string[] {
  const [bridge = ''] = bridges;
  if (table === 'firewalld') {
    if (name !== 'filter_FORWARD') return [];
    return [
      `firewalld rejects forwarded packets of bridges that are in no zone: firewall-cmd --zone=trusted ${bridges.map((b) => `--add-interface=${b}`).join(' ')}`,
    ];
  }
  if (policy !== 'drop' || table.startsWith('wharf_') || (table === 'filter' && name === 'FORWARD')) return [];
  const rule = (match: string) => `nft insert rule ${family} ${table} ${name} ${match} "${bridge}" accept`;
  return [
    `the chain ${name} of the firewall table ${family} ${table} drops what is forwarded, containers' packets too: ${rule('iifname')}; ${rule('oifname')} (and so for ${bridges.length === 1 ? 'each new bridge' : `each of ${bridges.join(', ')}`})`,
  ];
}

function hasFilterTable(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').split('\n').includes('filter');
  } catch {
    return false;
  }
}

function iptables(program: string, args: readonly string[]): string {
  const result = spawnSync(program, ['-w', '5', ...args], { encoding: 'utf8' });
  if (result.pid) ownFirewallProcess(result.pid);
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(result.stderr.trim().split('\n').at(-1) ?? `exit code ${result.status}`);
  return result.stdout;
}
