/** What `stats` shows of one container; bytes. */
export interface Measure {
  readonly id: string;
  readonly name: string;
  readonly cpuPercent: number;
  readonly memory: number;
  readonly memoryLimit: number;
  readonly received: number;
  readonly sent: number;
  readonly read: number;
  readonly written: number;
  readonly pids: number;
}

interface Cpu {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}
interface Sample {
  readonly id?: string;
  readonly name?: string;
  readonly read?: string;
  readonly cpu_stats?: Cpu;
  readonly precpu_stats?: Cpu;
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>> | null;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: { readonly op: string; readonly value: number }[] | null;
  };
  readonly pids_stats?: { readonly current?: number };
}

/** Computes what people read from one answer of `GET /containers/{id}/stats`. */
export function measure(raw: Record<string, unknown>): Measure {
  const sample = raw as Sample;
  const now = sample.cpu_stats ?? {};
  const before = sample.precpu_stats ?? {};
  const used = (now.cpu_usage?.total_usage ?? 0) - (before.cpu_usage?.total_usage ?? 0);
  const system = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const cpus = now.online_cpus || (now.cpu_usage?.percpu_usage?.length ?? 0);
  const networks = Object.values(sample.networks ?? {});
  const blocks = sample.blkio_stats?.io_service_bytes_recursive ?? [];
  const total = (letter: string) =>
    sum(blocks.filter((b) => b.op.toLowerCase().startsWith(letter)).map((b) => b.value));
  return {
    id: sample.id ?? '',
    name: (sample.name ?? '').replace(/^\//, ''),
    cpuPercent: used > 0 && system > 0 ? (used / system) * cpus * 100 : 0,
    memory: usedMemory(sample),
    memoryLimit: sample.memory_stats?.limit ?? 0,
    received: sum(networks.map((n) => n.rx_bytes)),
    sent: sum(networks.map((n) => n.tx_bytes)),
    read: total('r'),
    written: total('w'),
    pids: sample.pids_stats?.current ?? 0,
  };
}

/** Without the file cache that can go at any time: cgroup v1 has it as `total_inactive_file`, v2 as `inactive_file`. */
function usedMemory(sample: Sample): number {
  const { usage = 0, stats } = sample.memory_stats ?? {};
  const cache = stats?.['total_inactive_file'] ?? stats?.['inactive_file'] ?? 0;
  return cache < usage ? usage - cache : usage;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
