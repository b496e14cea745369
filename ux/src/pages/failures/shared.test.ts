import { expect, test } from 'vitest';
import { byLift, countBy, DIMENSIONS, explains, findingsOf, floorOf, histogram, liftText, percent, sinceOf } from './shared';

const counts = (of: number, values: Record<string, number>) => ({ of, values: new Map(Object.entries(values)) });
const PROFILE = DIMENSIONS.find((known) => known.name === 'Profiles')!;
const TASK = DIMENSIONS[0]!;

test('the example of the night: a profile that few others have is stronger than a task that a third of them ran', () => {
  const task = findingsOf(TASK, counts(500, { 'network-config': 498 }), counts(10_000, { 'network-config': 3100 }))[0]!;
  const profile = findingsOf(PROFILE, counts(500, { 'rack-switch-v2': 496, base: 500 }), counts(10_000, { 'rack-switch-v2': 200, base: 10_000 }));
  expect(task.lift).toBeCloseTo(3.2, 1);
  expect(profile[0]).toMatchObject({ value: 'rack-switch-v2', failed: 496, rest: 200 });
  expect([task, ...profile].sort(byLift).map((finding) => finding.value)).toEqual(['rack-switch-v2', 'network-config', 'base']);
  expect(explains(profile.find((finding) => finding.value === 'base')!)).toBe(false);
});

test.each([[0, 1], [1, 1], [3, 2], [19, 10], [20, 10], [500, 10]])('of %d failures a value needs %d', (failed, floor) => {
  expect(floorOf(failed)).toBe(floor);
});

test('below the floor nothing is said', () => {
  expect(findingsOf(TASK, counts(500, { rare: 9, often: 10 }), counts(100, {})).map((finding) => finding.value)).toEqual(['often']);
});

test('a value nobody else has is finite; without a rest there is no lift', () => {
  expect(findingsOf(TASK, counts(20, { x: 20 }), counts(1000, {}))[0]!.lift).toBe(2000);
  const alone = findingsOf(TASK, counts(20, { x: 20, y: 10 }), counts(0, {}));
  expect(alone.map((finding) => [finding.lift, explains(finding)])).toEqual([[undefined, true], [undefined, false]]);
});

test('several values of one thing count once each, empty ones not at all', () => {
  expect([...countBy([['a', 'b'], ['a', 'a', ''], []], (item) => item).values]).toEqual([['a', 2], ['b', 1]]);
});

test('buckets are round, at most forty, and hold what is in the window', () => {
  const hour = 3600_000;
  const buckets = histogram([10 * hour + 1, 10 * hour + 2, 11 * hour - 1, 9 * hour], 10 * hour, 11 * hour);
  expect(buckets).toHaveLength(12);
  expect(buckets.map((bucket) => bucket.count).filter((count) => count > 0)).toEqual([2, 1]);
  for (const days of [1, 7, 30, 400]) expect(histogram([], 0, days * 86400_000).length).toBeLessThanOrEqual(58);
});

test('words', () => {
  expect([percent(498, 500), percent(1, 1000), percent(0, 10), percent(1, 0)]).toEqual(['100 %', '<1 %', '0 %', '–']);
  expect([liftText(3.21), liftText(48.9), liftText(undefined)]).toEqual(['×3.2', '×49', '']);
  expect([sinceOf('').id, sinceOf('7d').seconds, sinceOf('x').id]).toEqual(['1h', 604800, '1h']);
});
