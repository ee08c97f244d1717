import type { EventMessage } from '../../core/wire/resources.ts';
import type { ContainerRecord } from '../containers/record.ts';
import { isLive, runOf } from '../containers/state.ts';
import { millisOf } from '../containers/time.ts';

/** An event that a daemon no longer came to publish: it died between a change and its event. */
export type MissedEvent =
  | { readonly action: 'create' | 'start' | 'die'; readonly record: ContainerRecord }
  | { readonly action: 'destroy'; readonly id: string; readonly attributes: Readonly<Record<string, string>> };

const LIFE = new Set(['create', 'start', 'die', 'destroy']);
/** What an event says of itself, not of its container. */
const OWN_ATTRIBUTES = ['exitCode', 'execDuration', 'signal', 'oldName', 'execID'];

/**
 * Compares containers as they were recorded with the events that are remembered. A change is recorded first and told right
 * after, so that at most the last change of a container can lack its event. Changes older than what is remembered are left
 * alone: their events were there once.
 */
export function missedEvents(past: readonly EventMessage[], records: readonly ContainerRecord[]): MissedEvent[] {
  const [oldest] = past;
  if (oldest === undefined) return [];
  const last = new Map<string, EventMessage>();
  for (const event of past) {
    if (event.Type === 'container' && LIFE.has(event.Action)) last.set(event.Actor.ID, event);
  }
  const isNew = (time: string): boolean => millisOf(time) * 1e6 >= oldest.timeNano;
  const missed: MissedEvent[] = [];
  for (const record of records) {
    const told = last.get(record.id)?.Action;
    const { action, at } = lastChange(record);
    if (told === undefined && action !== 'create' && isNew(record.createdAt)) missed.push({ action: 'create', record });
    const isUntold = told === undefined ? isNew(at) : action !== 'create' && told !== action;
    if (isUntold) missed.push({ action, record });
  }
  const known = new Set(records.map((record) => record.id));
  for (const [id, event] of last) {
    if (event.Action === 'destroy' || known.has(id)) continue;
    const attributes = Object.entries(event.Actor.Attributes).filter(([key]) => !OWN_ATTRIBUTES.includes(key));
    missed.push({ action: 'destroy', id, attributes: Object.fromEntries(attributes) });
  }
  return missed;
}

function lastChange(record: ContainerRecord): { action: 'create' | 'start' | 'die'; at: string } {
  const { state } = record;
  if (isLive(state)) return { action: 'start', at: state.startedAt };
  const run = runOf(state);
  return run === null ? { action: 'create', at: record.createdAt } : { action: 'die', at: run.exit.at };
}
