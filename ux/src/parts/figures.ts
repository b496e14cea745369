/** What the interface itself costs this browser, in numbers: for the panel that shows them, and for the support file. */
import { connection } from '../live/bridge.svelte';

export interface Spread {
  count: number;
  median: number;
  /** of twenty nineteen are below */
  most95: number;
  most: number;
}

/** Of milliseconds; whole numbers, as clocks of browsers are coarse. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { count: sorted.length, median: at(0.5), most95: at(0.95), most: Math.round(sorted.at(-1) ?? 0) };
}

export interface Figures {
  /** ms after the address was opened */
  firstPaint: number;
  elements: number;
  /** megabytes of the page's own thread; 0 where a browser does not tell */
  heap: number;
  /** answers that this page's thread asked for; what the worker asks for is its own */
  requests: Spread;
  connection: { state: string; eventsPerSecond: number; registrations: number; clockAheadMs: number };
}

export function figuresNow(): Figures {
  const memory = (performance as { memory?: { usedJSHeapSize: number } }).memory;
  const resources = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  return {
    firstPaint: Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0),
    elements: document.getElementsByTagName('*').length,
    heap: memory ? Math.round(memory.usedJSHeapSize / 1_048_576) : 0,
    requests: spreadOf(resources.filter(({ name }) => name.includes('/api/v3/')).map(({ duration }) => duration)),
    connection: { state: connection.state, eventsPerSecond: Math.round(connection.rate), registrations: connection.registrations, clockAheadMs: Math.round(connection.skewMs) },
  };
}
