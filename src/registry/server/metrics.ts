/** Counters for Prometheus' text format 0.0.4. */
export class Metrics {
  readonly #counters = new Map<string, number>();

  add(name: string, labels: Readonly<Record<string, string | number>> = {}, by = 1): void {
    const key = `${name}${labelText(labels)}`;
    this.#counters.set(key, (this.#counters.get(key) ?? 0) + by);
  }

  /** @param gauges what is as it is now */
  text(gauges: Readonly<Record<string, number>>): string {
    const lines: string[] = [];
    const keys = [...this.#counters.keys()].sort();
    let last = '';
    for (const key of keys) {
      const name = key.replace(/\{.*/, '');
      if (name !== last) lines.push(`# HELP ${name} ${HELP[name] ?? name}`, `# TYPE ${name} counter`);
      last = name;
      lines.push(`${key} ${this.#counters.get(key) ?? 0}`);
    }
    for (const [name, value] of Object.entries(gauges)) {
      lines.push(`# HELP ${name} ${HELP[name] ?? name}`, `# TYPE ${name} gauge`, `${name} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

const HELP: Readonly<Record<string, string>> = {
  wharf_registry_requests_total: 'Requests by route, method and status.',
  wharf_registry_sent_bytes_total: 'Bytes of blobs and manifests that were sent.',
  wharf_registry_received_bytes_total: 'Bytes of blobs and manifests that were received.',
  wharf_registry_collected_blobs_total: 'Blobs that garbage collection removed.',
  wharf_registry_collected_bytes_total: 'Bytes that garbage collection freed.',
  wharf_registry_proxy_hits_total: 'Answers from the store of a pull-through cache.',
  wharf_registry_proxy_misses_total: 'Answers that had to be fetched from upstream.',
  wharf_registry_uploads: 'Uploads in progress.',
  wharf_registry_blobs: 'Blobs on disk.',
  wharf_registry_bytes: 'Bytes of all blobs on disk.',
  wharf_registry_uptime_seconds: 'Time since the registry was started.',
};

function labelText(labels: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(labels).map(
    ([key, value]) => `${key}="${String(value).replaceAll(/[\\"]/g, (c) => `\\${c}`)}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
