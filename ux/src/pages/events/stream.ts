/** A bounded list of what happened, newest first, that says what it did not keep and when it heard nothing: pure. */
import type { LiveEvent } from '../../live/protocol';

export const MOST_EVENTS = 2000;

export type Line = { id: number; kind: 'event'; event: LiveEvent } | { id: number; kind: 'gap'; from: string; to: string } | { id: number; kind: 'dropped'; count: number };

export class Stream {
  private shown: Line[] = [];
  private held: Line[] = [];
  private next = 0;
  private paused = false;
  /** everything that came, kept or not */
  seen = 0;

  get lines(): readonly Line[] {
    return this.shown;
  }

  get waiting(): number {
    return this.held.length;
  }

  add(events: readonly LiveEvent[], dropped: number): void {
    this.seen += events.length + dropped;
    if (dropped > 0) this.put({ id: this.next++, kind: 'dropped', count: dropped });
    for (const event of events) this.put({ id: this.next++, kind: 'event', event });
    this.settle();
  }

  /** Nothing is known between these times. */
  gap(from: string, to: string): void {
    this.put({ id: this.next++, kind: 'gap', from, to });
    this.settle();
  }

  /** While paused nothing moves under the eye; what comes waits. */
  pause(on: boolean): void {
    this.paused = on;
    this.settle();
  }

  clear(): void {
    this.shown = [];
    this.held = [];
  }

  private put(line: Line): void {
    this.held.push(line);
    if (this.held.length > MOST_EVENTS) this.held.shift();
  }

  private settle(): void {
    if (this.paused) return;
    this.shown = [...this.held.reverse(), ...this.shown].slice(0, MOST_EVENTS);
    this.held = [];
  }
}

export interface Group {
  type: string;
  key: string;
  newest: LiveEvent;
  count: number;
  actions: string[];
}

/** One line for each object: how often, and what last. */
export function byObject(lines: readonly Line[]): Group[] {
  const groups = new Map<string, Group>();
  for (const line of lines) {
    if (line.kind !== 'event') continue;
    const { event } = line;
    const name = `${event.Type}\n${event.Key}`;
    const known = groups.get(name);
    if (!known) groups.set(name, { type: event.Type, key: event.Key, newest: event, count: 1, actions: [event.Action] });
    else {
      known.count++;
      if (!known.actions.includes(event.Action)) known.actions.push(event.Action);
    }
  }
  return [...groups.values()];
}

/** What a person types as a pattern: missing parts mean all. Empty for what is none. */
export function patternOf(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '' || /\s/.test(trimmed)) return '';
  const parts = trimmed.split('.');
  const [type = '*', action = '*'] = parts;
  const key = parts.slice(2).join('.') || '*';
  return [type || '*', action || '*', key].join('.');
}

/** Patterns of the address: separated by blanks; all events without any. */
export function patternsOf(text: string): string[] {
  const found = text.split(/\s+/).map(patternOf).filter((pattern) => pattern !== '');
  return found.length === 0 ? ['*.*.*'] : [...new Set(found)];
}

/** `user:ann` did it, a machine did, or the server. */
export function whoOf(principal: string): string {
  return principal.replace(/^user:/, '') || 'the server';
}
