/** When a login that nobody uses ends, and when that is said beforehand. */

export const DEFAULT_MINUTES = 12 * 60;
export const CHOICES_MINUTES = [15, 60, 4 * 60, 12 * 60] as const;
/** how long the sheet is shown before the end */
export const WARNING_MS = 120_000;
const STORED = 'mullion.inactivity';

export function storedMinutes(text: string | null): number {
  const minutes = Number(text ?? '');
  return Number.isFinite(minutes) && minutes >= 1 ? minutes : DEFAULT_MINUTES;
}

export type Idle = { kind: 'used' } | { kind: 'warn'; seconds: number } | { kind: 'over' };

export function idleState(idleMs: number, limitMs: number): Idle {
  if (idleMs >= limitMs) return { kind: 'over' };
  const left = limitMs - idleMs;
  // Half of a very short limit is warning: the person must have seen the page without it.
  return left <= Math.min(WARNING_MS, limitMs / 2) ? { kind: 'warn', seconds: Math.ceil(left / 1000) } : { kind: 'used' };
}

export function inactivityMinutes(): number {
  return storedMinutes(localStorage.getItem(STORED));
}

export function keepInactivityMinutes(minutes: number): void {
  localStorage.setItem(STORED, String(minutes));
}
