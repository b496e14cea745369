/** Writes that are done at their owner and not yet in the copy here: followed until they are, and said to be late after a minute. */
import { hasArrived, type Place } from './arrival';
import { follow } from './bridge.svelte';
import { api } from './session.svelte';
import type { LiveEvent } from './protocol';
import { escapePattern } from './socket';

const LATE_MS = 60_000;
/** whoever still waits then looks by himself */
const MOST_MS = 600_000;
const MOST = 200;

export class Arrival {
  state = $state<'under way' | 'here' | 'late'>('under way');
}

/** By commit, which no two writes share. */
const arrivals = new Map<string, Arrival>();

export function arrivalOf(commit: string): Arrival | undefined {
  return arrivals.get(commit);
}

/** `here` is run when the copy has it. */
export function awaitArrival(commit: string, place: Place, answer: unknown, here: () => void): void {
  const arrival = new Arrival();
  arrivals.set(commit, arrival);
  const [oldest] = arrivals.keys();
  if (arrivals.size > MOST && oldest !== undefined) arrivals.delete(oldest);
  const arrived = () => {
    if (arrival.state === 'here') return;
    arrival.state = 'here';
    end();
    here();
  };
  const told = (events: LiveEvent[], dropped: number) => {
    if (dropped > 0) return void read();
    for (const { Object: object, Original: original } of events) {
      const owner = String(((object ?? original) as Record<string, unknown> | null)?.['Endpoint'] ?? '');
      if (owner === place.owner && hasArrived(object, answer, true)) arrived();
    }
  };
  const read = async () => {
    const { prefix, key, owner } = place;
    const [shown] = await api.get<unknown[]>(prefix, [['Key', `Eq(${key})`], ['Endpoint', `Eq(${owner})`], ['slim', 'Params,Meta']]).catch(() => []);
    if (shown && hasArrived(shown, answer, false)) arrived();
  };
  const timers = [setTimeout(() => { if (arrival.state === 'under way') arrival.state = 'late'; void read(); }, LATE_MS), setTimeout(() => end(), MOST_MS)];
  const stop = follow(`${place.prefix}.*.${escapePattern(place.key)}`, told, () => void read());
  const end = () => {
    stop();
    timers.forEach(clearTimeout);
  };
  // It may have come while the answer was on its way.
  void read();
}
