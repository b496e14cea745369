/** What is said about a job in words: how it went, how long it took. */
import type { StateKind } from '../../parts/state';
import { duration } from '../../text/en';

type Body = Record<string, unknown>;

/** Jobs that may still write to their log. */
export function isGrowing(body: Body): boolean {
  return ['created', 'running', 'incomplete'].includes(String(body['State'] ?? ''));
}

const KINDS: Record<string, StateKind> = { finished: 'ok', failed: 'failed', running: 'working', created: 'waiting', incomplete: 'paused' };

/** `finished, then reboot`: the state, and what the task asked for afterwards. */
export function jobState(body: Body): { kind: StateKind; word: string } {
  const state = String(body['State'] ?? '');
  const exit = String(body['ExitState'] ?? '');
  const then = exit === '' || exit === 'complete' || exit === state ? '' : `, then ${exit}`;
  return { kind: KINDS[state] ?? 'off', word: (state || 'unknown') + then };
}

function time(value: unknown): number | undefined {
  const text = String(value ?? '');
  const at = Date.parse(text);
  return text.startsWith('0001-') || Number.isNaN(at) ? undefined : at;
}

/** How long it took, or takes until now; empty when nobody noted its beginning. */
export function jobTook(body: Body, nowMs: number): string {
  const started = time(body['StartTime']);
  if (started === undefined) return '';
  const ended = time(body['EndTime']) ?? (isGrowing(body) ? nowMs : undefined);
  return ended === undefined || ended < started ? '' : duration((ended - started) / 1000);
}
