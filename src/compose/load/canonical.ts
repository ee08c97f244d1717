import type { NetworkDefinition, Project, VolumeDefinition } from '../model/project.ts';
import type { Service } from '../model/service.ts';
import { KEY_ORDER, SHOWN_WHEN_EMPTY } from './key-order.ts';
import { formatDuration } from './units.ts';

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

const SIZES = new Set([
  'mem_limit',
  'mem_reservation',
  'memswap_limit',
  'mem_swappiness',
  'shm_size',
  'memory',
  'size',
  'rate',
]);
const DURATIONS = new Set([
  'stop_grace_period',
  'interval',
  'timeout',
  'start_period',
  'start_interval',
  'delay',
  'window',
  'monitor',
]);
const RESOURCE_KINDS = ['networks', 'volumes', 'secrets', 'configs', 'models'] as const;

interface Style {
  readonly escape: (text: string) => string;
  readonly json: boolean;
}

/**
 * The project in the canonical form that `config` prints: short forms written out, `$` doubled so that it can be read
 * again. Source: compose-go's marshalling as `docker compose config` shows it.
 */
export function canonical(
  project: Project,
  options: { readonly json?: boolean; readonly raw?: boolean } = {},
): Record<string, Plain> {
  const json = options.json ?? false;
  const style: Style = { json, escape: options.raw ? (text) => text : (text) => text.replaceAll('$', '$$$$') };
  const order = json ? byBytes : naturally;
  const out: Record<string, Plain> = { name: style.escape(project.name) };
  out['services'] = sortedMap(project.services, (service) => oneService(service, style), order);
  for (const kind of RESOURCE_KINDS) {
    const resources: Readonly<Record<string, unknown>> = project[kind];
    // What Go's JSON leaves out, is left out.
    if (Object.keys(resources).length === 0 || (json && kind === 'models')) continue;
    const said = (r: unknown): unknown => (json && kind === 'networks' ? { ipam: {}, ...(r as NetworkDefinition) } : r);
    out[kind] = sortedMap(resources, (r) => render(kind, said(r), style), order);
  }
  for (const [key, value] of Object.entries(project.extensions).sort(([a], [b]) => byBytes(a, b)))
    out[key] = render('x', value, style);
  return json ? Object.fromEntries(Object.entries(out).sort(([a], [b]) => byBytes(a, b))) : out;
}

/** The bytes that docker compose makes its `config-hash` label from: compact JSON of the service in Go's spelling. */
export function hashedService(service: Service): string {
  return goJson(oneService(service, { json: true, escape: (text) => text }));
}

/** As `hashedService`, for a network or volume. */
export function hashedResource(kind: 'network' | 'volume', resource: NetworkDefinition | VolumeDefinition): string {
  const said = kind === 'network' ? { ipam: {}, ...resource } : { driver: 'local', ...resource };
  return goJson(render(`${kind}s`, said, { json: true, escape: (text) => text }));
}

/** JSON as Go's encoding/json writes it: `<`, `>` and `&` are escaped. */
export function goJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function oneService(service: Service, style: Style): Plain {
  if (!style.json) return render('service', service, style);
  const { deploy, develop, ...rest } = service;
  const own = Object.fromEntries(Object.entries(rest).filter(([key]) => !key.startsWith('x-')));
  const watch = develop?.watch?.map((w) => ({ ...w, exec: w.exec ?? { command: null } }));
  return render(
    'service',
    {
      command: null,
      entrypoint: null,
      ...own,
      ...(deploy ? { deploy: { resources: {}, placement: {}, ...deploy } } : {}),
      ...(develop ? { develop: watch ? { ...develop, watch } : develop } : {}),
    },
    style,
  );
}

function render(place: string, value: unknown, style: Style): Plain {
  if (Array.isArray(value)) return value.map((item) => render(`${place}[]`, item, style));
  if (typeof value === 'string') return style.escape(value);
  if (typeof value === 'object' && value !== null) return renderMap(place, value, style);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return null;
}

function renderMap(place: string, map: object, style: Style): Plain {
  const keys = KEY_ORDER[place];
  if (!keys)
    return sortedMap(
      map as Record<string, unknown>,
      (v) => render(`${place}.*`, v, style),
      style.json ? byBytes : naturally,
    );
  const source = map as Readonly<Record<string, unknown>>;
  const extra = Object.keys(source).filter((k) => k.startsWith('x-'));
  const found: Record<string, Plain> = {};
  for (const key of [...keys, ...extra.sort(byBytes)]) {
    const value = source[key];
    const inner = key.startsWith('x-') ? 'x' : `${place}.${key}`;
    if (value === undefined || (isEmpty(value) && !SHOWN_WHEN_EMPTY.has(inner))) continue;
    // Go's structs of block device limits have no names for JSON.
    const shown =
      style.json && /^service\.blkio_config\..*\[\]$/.test(place) ? `${key[0]?.toUpperCase()}${key.slice(1)}` : key;
    found[shown] = withUnits(inner, key, value) ?? render(inner, value, style);
  }
  return found;
}

function isEmpty(value: unknown): boolean {
  if (value === false || value === 0 || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Sizes are text, durations Go's, modes octal. */
function withUnits(place: string, key: string, value: unknown): string | undefined {
  if (typeof value !== 'number') return undefined;
  if (SIZES.has(key)) return String(value);
  if (/^service\.(secrets|configs)\[\]\.mode$/.test(place)) return `0${value.toString(8)}`;
  if (DURATIONS.has(key)) return formatDuration(value);
  return undefined;
}

function sortedMap<T>(
  map: Readonly<Record<string, T>>,
  change: (value: T) => Plain,
  order: (a: string, b: string) => number,
): Record<string, Plain> {
  return Object.fromEntries(
    Object.keys(map)
      .sort(order)
      .map((key) => [key, change(map[key] as T)]),
  );
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order of keys in go-yaml's output: numbers within names count as numbers, letters come last. */
function naturally(a: string, b: string): number {
  const letter = (c: string | undefined): boolean => c !== undefined && /\p{L}/u.test(c);
  const digit = (c: string | undefined): boolean => c !== undefined && /\d/.test(c);
  let digits = false;
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] === b[i]) {
      digits = digit(a[i]);
      continue;
    }
    if (letter(a[i]) && letter(b[i])) return byBytes(a[i] ?? '', b[i] ?? '');
    if (letter(a[i]) || letter(b[i])) return digits === letter(a[i]) ? -1 : 1;
    const numbers = [/^\d*/.exec(a.slice(i))?.[0] ?? '', /^\d*/.exec(b.slice(i))?.[0] ?? ''] as const;
    return Number(numbers[0]) - Number(numbers[1]) || numbers[0].length - numbers[1].length || byBytes(a, b);
  }
  return a.length - b.length;
}
