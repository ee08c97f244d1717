import findMyWay from 'find-my-way';
import type { Method, Route } from './route.ts';

export interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}
export interface Routes {
  /** The route of a path without version prefix; parameters are percent-decoded. */
  find(method: string, path: string): Found | undefined;
}

interface Greedy {
  readonly route: Route;
  readonly param: string;
  /** `/json`, or empty. */
  readonly suffix: string;
}

/** Marks the store of a wildcard, under which the longest suffix decides. */
interface Store {
  readonly route?: Route;
  readonly greedy?: readonly Greedy[];
}

/** Routes by method and path. Names with slashes (`/images/library/busybox/json`) go by what stands behind them. */
export function createRoutes(routes: readonly Route[]): Routes {
  const router = findMyWay({ ignoreTrailingSlash: true, caseSensitive: true, maxParamLength: 4096 });
  const greedy = new Map<string, { method: Method; prefix: string; entries: Greedy[] }>();
  const nothing = () => undefined;
  for (const route of routes) {
    const parts = /^(.*\/):(\w+)\+(.*)$/.exec(route.path);
    if (parts === null) {
      router.on(route.method, route.path, nothing, { route } satisfies Store);
      continue;
    }
    const [, prefix = '', param = '', suffix = ''] = parts;
    const key = `${route.method} ${prefix}`;
    const group = greedy.get(key) ?? { method: route.method, prefix, entries: [] };
    group.entries.push({ route, param, suffix });
    greedy.set(key, group);
  }
  for (const { method, prefix, entries } of greedy.values()) {
    entries.sort((a, b) => b.suffix.length - a.suffix.length);
    router.on(method, `${prefix}*`, nothing, { greedy: entries } satisfies Store);
  }
  return {
    find(method, path) {
      const found = router.find(method as findMyWay.HTTPMethod, path);
      if (found === null) return undefined;
      const store = found.store as Store;
      if (store.route !== undefined) return { route: store.route, params: definedOnly(found.params) };
      const rest = found.params['*'] ?? '';
      for (const { route, param, suffix } of store.greedy ?? []) {
        if (!rest.endsWith(suffix) || rest.length === suffix.length) continue;
        return { route, params: { [param]: rest.slice(0, rest.length - suffix.length) } };
      }
      return undefined;
    },
  };
}

function definedOnly(params: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])));
}
