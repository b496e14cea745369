/** Endpoints that somebody waits for: when they are back. Pure. */

export interface Awaited {
  id: string;
  /** ms of the wall clock */
  asked: number;
  /** it was seen out of touch since: before that "in touch" may only mean that nobody has noticed yet */
  seenOut: boolean;
}

/** How an endpoint is reached at present, the managers on the way included. */
export type Reach = 'reached' | 'out' | 'gone';

/** A way that broke is noticed within so long: an endpoint that is still in touch then is back. */
export const NOTICED_MS = 20_000;

export interface Told {
  still: Awaited[];
  back: string[];
  /** they are endpoints of this server no more */
  gone: string[];
}

/** `reach` knows nothing of those that could not be asked. */
export function toldOf(awaited: readonly Awaited[], reach: ReadonlyMap<string, Reach>, now: number): Told {
  const told: Told = { still: [], back: [], gone: [] };
  for (const entry of awaited) {
    const is = reach.get(entry.id);
    if (is === 'gone') told.gone.push(entry.id);
    else if (is === 'reached' && (entry.seenOut || now - entry.asked >= NOTICED_MS)) told.back.push(entry.id);
    else told.still.push(is === 'out' && !entry.seenOut ? { ...entry, seenOut: true } : entry);
  }
  return told;
}

/** What was stored, by whatever version: what is no entry is left out. */
export function storedAwaited(text: string | null): Awaited[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    if (!Array.isArray(list)) return [];
    return list.flatMap((entry: Partial<Awaited> | null) => (entry && typeof entry.id === 'string' && typeof entry.asked === 'number' ? [{ id: entry.id, asked: entry.asked, seenOut: entry.seenOut === true }] : []));
  } catch {
    return [];
  }
}
