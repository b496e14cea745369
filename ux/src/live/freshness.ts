/** How old what one looks at is. Ages come from the server's statements, never from the clock of the browser. */

export type Age =
  | { kind: 'fresh' }
  | { kind: 'late'; seconds: number }
  | { kind: 'stale'; seconds: number }
  | { kind: 'unknown' };

/** Up to this age nothing is shown: it is the resolution of replication. */
export const FRESH_SECONDS = 3;
export const LATE_SECONDS = 15;

/** `said` is the age in seconds when the answer came, `since` how long ago that was on the steady clock. */
export function ageOf(said: number | undefined, since: number, inTouch: boolean): Age {
  if (said === undefined || !Number.isFinite(said)) return inTouch ? { kind: 'fresh' } : { kind: 'unknown' };
  const seconds = said + Math.max(0, since);
  if (!inTouch) return { kind: 'stale', seconds };
  if (seconds <= FRESH_SECONDS) return { kind: 'fresh' };
  return seconds <= LATE_SECONDS ? { kind: 'late', seconds } : { kind: 'stale', seconds };
}

/** The age of one owner's objects in an answer: owners that are named are not in touch. */
export function ageOfOwner(owner: string, stale: Readonly<Record<string, number>>, since: number): Age {
  const said = stale[owner];
  return said === undefined ? { kind: 'fresh' } : ageOf(said, since, false);
}

/** The oldest owner of an answer, for the line above a list. */
export function oldest(stale: Readonly<Record<string, number>>): { owner: string; seconds: number; others: number } | undefined {
  const owners = Object.entries(stale).sort((a, b) => b[1] - a[1]);
  const first = owners[0];
  return first && { owner: first[0], seconds: first[1], others: owners.length - 1 };
}

/** Seconds since a time of the server, corrected by how far the clocks are apart. */
export function secondsSince(time: string, nowMs: number, skewMs: number): number | undefined {
  const at = Date.parse(time);
  if (Number.isNaN(at) || time.startsWith('0001-')) return undefined;
  return Math.max(0, (nowMs + skewMs - at) / 1000);
}

/** How far the server's clock is ahead, from the Date header of an answer (whole seconds, so +-1 s). */
export function skewFrom(dateHeader: string | null, sentMs: number, receivedMs: number): number | undefined {
  const server = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  if (Number.isNaN(server)) return undefined;
  const apart = server + 500 - (sentMs + receivedMs) / 2;
  return Math.abs(apart) < 1000 ? 0 : apart;
}

/** `15s`, `15`, `2m`: seconds; undefined for what is none. */
export function seconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text.trim());
  return match ? Number(match[1]) * ({ s: 1, m: 60, h: 3600 }[match[2] ?? 's'] ?? 1) : undefined;
}

/** Owners that are older than `most`, by name. */
export function tooOld(stale: Readonly<Record<string, number>>, most: number): string[] {
  return Object.keys(stale).filter((owner) => stale[owner]! > most).sort();
}
