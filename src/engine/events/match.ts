import type { EventMessage, EventType } from '../../core/wire/resources.ts';
import type { Filters } from '../contract.ts';
import { hasLabels, matchesExactly, matchesPrefix } from '../filters.ts';

const BY_SUBJECT: readonly EventType[] = ['container', 'network', 'volume', 'daemon'];
/** Actions that carry text after a colon and are filtered by what stands before it. */
const WITH_TEXT = ['exec_create', 'exec_start', 'health_status'];

/**
 * A predicate for `GET /events`' filters. Values of one key: any; keys: all; labels: all. Docker passes over keys that it does
 * not know, as those of other versions.
 */
export function eventMatcher(filters: Filters): (e: EventMessage) => boolean {
  const subjects = BY_SUBJECT.filter((type) => (filters[type]?.length ?? 0) > 0);
  const absentKinds = ['plugin', 'builder', 'config', 'node', 'secret', 'service'].filter((k) => filters[k]?.length);
  return (e) =>
    matchesExactly(filters['type'], e.Type) &&
    matchesExactly(filters['scope'], e.scope) &&
    matchesAction(filters['event'], e.Action) &&
    hasLabels(e.Actor.Attributes, filters['label']) &&
    absentKinds.every((kind) => e.Type === kind) &&
    subjects.every((t) => e.Type === t && matchesPrefix(filters[t], e.Actor.ID, e.Actor.Attributes['name'])) &&
    matchesImage(filters['image'], e);
}

function matchesAction(values: readonly string[] | undefined, action: string): boolean {
  if (matchesExactly(values, action)) return true;
  return WITH_TEXT.some((name) => values?.includes(name) === true && action.startsWith(`${name}:`));
}

/** An image by ID or name, with or without tag; a container by the image it was made from. */
function matchesImage(values: readonly string[] | undefined, e: EventMessage): boolean {
  if (values === undefined || values.length === 0) return true;
  if (e.Type !== 'image' && e.Type !== 'container') return false;
  const name = e.Actor.Attributes[e.Type === 'image' ? 'name' : 'image'] ?? '';
  return matchesExactly(values, e.Actor.ID, name, withoutTag(e.Actor.ID), withoutTag(name));
}

function withoutTag(name: string): string {
  return name.replace(/(@[^/]*)?$/, '').replace(/:[^/:]*$/, '');
}
