/** What failed jobs have in common and others have not: counting and ranking, pure. */

export interface Dimension {
  name: string;
  label: string;
  of: 'job' | 'machine' | 'endpoint';
}

const dimension = (of: Dimension['of'], name: string, label = name): Dimension => ({ name, label, of });

export const DIMENSIONS: readonly Dimension[] = [
  dimension('job', 'Task'),
  dimension('job', 'Stage'),
  dimension('job', 'Workflow'),
  dimension('job', 'BootEnv', 'Boot environment'),
  dimension('job', 'Context'),
  dimension('job', 'Endpoint'),
  dimension('machine', 'Profiles', 'Profile'),
  dimension('machine', 'Pool'),
  dimension('machine', 'Arch'),
  dimension('machine', 'OS'),
  dimension('endpoint', 'DRPVersion', 'Server version'),
  dimension('endpoint', 'VersionSets', 'Version set'),
];

/** Counts of values, and how many things were counted: a thing with several values counts under each. */
export interface Counts {
  of: number;
  values: ReadonlyMap<string, number>;
}

export function countBy<Item>(items: readonly Item[], valuesOf: (item: Item) => readonly string[]): Counts {
  const values = new Map<string, number>();
  for (const item of items) for (const value of new Set(valuesOf(item))) if (value !== '') values.set(value, (values.get(value) ?? 0) + 1);
  return { of: items.length, values };
}

export interface Finding {
  dimension: Dimension;
  value: string;
  failed: number;
  failedOf: number;
  rest: number;
  restOf: number;
  /** share among the failed over the share among the rest; undefined: there is no rest to compare with */
  lift: number | undefined;
}

/** Fewer than this say nothing; of few failures, half of them do. */
export function floorOf(failed: number): number {
  return Math.min(10, Math.max(1, Math.ceil(failed / 2)));
}

/** A value that none of the rest has counts as if half of one had it, so that its lift is finite and grows with the rest. */
function liftOf(failed: number, failedOf: number, rest: number, restOf: number): number | undefined {
  if (restOf === 0 || failedOf === 0) return undefined;
  return failed / failedOf / (Math.max(rest, 0.5) / restOf);
}

export function findingsOf(dimension: Dimension, failed: Counts, rest: Counts): Finding[] {
  const floor = floorOf(failed.of);
  return [...failed.values]
    .filter(([, count]) => count >= floor)
    .map(([value, count]) => {
      const others = rest.values.get(value) ?? 0;
      return { dimension, value, failed: count, failedOf: failed.of, rest: others, restOf: rest.of, lift: liftOf(count, failed.of, others, rest.of) };
    })
    .sort(byLift);
}

/** The strongest first: by lift, then by how many share it. */
export function byLift(a: Finding, b: Finding): number {
  return (b.lift ?? 0) - (a.lift ?? 0) || b.failed - a.failed || a.value.localeCompare(b.value);
}

/** What all failed ones share, and the rest as well, explains nothing. */
export function explains(finding: Finding): boolean {
  return finding.lift === undefined ? finding.failed * 2 > finding.failedOf : finding.lift >= 1.1;
}

export interface Bucket {
  /** ms since the epoch */
  from: number;
  to: number;
  count: number;
}

const WIDTHS_MS = [60_000, 5 * 60_000, 15 * 60_000, 3600_000, 6 * 3600_000, 86400_000, 7 * 86400_000];
const MOST_BUCKETS = 40;

/** Times in at most forty buckets of a round width. */
export function histogram(times: readonly number[], from: number, to: number): Bucket[] {
  const width = WIDTHS_MS.find((candidate) => (to - from) / candidate <= MOST_BUCKETS) ?? Math.ceil((to - from) / MOST_BUCKETS);
  const first = Math.floor(from / width) * width;
  const buckets: Bucket[] = [];
  for (let at = first; at < to; at += width) buckets.push({ from: at, to: at + width, count: 0 });
  for (const time of times) {
    const bucket = buckets[Math.floor((time - first) / width)];
    if (bucket) bucket.count++;
  }
  return buckets;
}

export const SINCE: readonly { id: string; label: string; seconds: number }[] = [
  { id: '15m', label: '15 minutes', seconds: 900 },
  { id: '1h', label: '1 hour', seconds: 3600 },
  { id: '6h', label: '6 hours', seconds: 6 * 3600 },
  { id: '24h', label: '24 hours', seconds: 86400 },
  { id: '7d', label: '7 days', seconds: 7 * 86400 },
  { id: '30d', label: '30 days', seconds: 30 * 86400 },
];

/** The choice of the address; an hour where it says nothing that is known. */
export function sinceOf(text: string): { id: string; label: string; seconds: number } {
  return SINCE.find((known) => known.id === text) ?? SINCE[1]!;
}

export function percent(part: number, of: number): string {
  if (of === 0) return '–';
  const share = (100 * part) / of;
  return share > 0 && share < 1 ? '<1 %' : `${Math.round(share)} %`;
}

export function liftText(lift: number | undefined): string {
  if (lift === undefined) return '';
  return `×${lift >= 10 ? Math.round(lift) : lift.toFixed(1)}`;
}
