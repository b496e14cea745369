/** Counts by value of an index, where the server offers them; else by asking for each of the values that are known. */
import { untrack } from 'svelte';
import type { Pairs } from '../api/client';
import { TYPES } from '../api/schema';
import type { LiveView } from './bridge.svelte';
import { api, session } from './session.svelte';

export interface Group {
  value: string;
  count: number;
}

export interface Groups {
  groups: Group[];
  /** other values, and how many objects have them */
  rest: { groups: number; count: number };
}

type Raw = { Value?: string | null; Count: number; Rest?: boolean; Groups?: number };

/** `offered` is false where nothing can be said without reading all objects. */
export async function countsBy(prefix: string, index: string, pairs: Pairs, limit: number, signal?: AbortSignal): Promise<(Groups & { offered: boolean })> {
  if (session.features.includes('ux-group-by')) {
    const raw = await api.get<Raw[]>(prefix, [['group-by', index], ...pairs, ['limit', String(limit)]], signal);
    const rest = raw.find((entry) => entry.Rest);
    return { offered: true, groups: raw.filter((entry) => !entry.Rest).map(({ Value, Count }) => ({ value: Value ?? '', count: Count })), rest: { groups: rest?.Groups ?? 0, count: rest?.Count ?? 0 } };
  }
  const type = TYPES[prefix];
  const values = type?.indexes[index]?.kind === 'boolean' ? ['true', 'false'] : type?.fields.find((field) => field.name === index)?.enum;
  if (!values) return { offered: false, groups: [], rest: { groups: 0, count: 0 } };
  const counts = await Promise.all(values.map(async (value) => ({ value, count: await api.count(prefix, [...pairs, [index, `Eq(${value})`]], signal) })));
  return { offered: true, groups: counts.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count), rest: { groups: 0, count: 0 } };
}

const AGAIN_MS = 5000;

/**
 * For an effect: asks now, and while the objects of the view's query change at most every five seconds, spread. A busy list changes four
 * times a second, and counts of very many objects cost the server more than its rows do.
 */
export function whileChanging(view: LiveView, ask: (signal: AbortSignal) => void): () => void {
  const abort = new AbortController();
  const asked = () => untrack(() => ask(abort.signal));
  asked();
  let seen = untrack(() => view.version);
  const timer = setInterval(() => {
    if (view.version === seen || document.hidden || session.state !== 'open') return;
    seen = view.version;
    asked();
  }, AGAIN_MS + Math.random() * 1000);
  return () => {
    abort.abort();
    clearInterval(timer);
  };
}
