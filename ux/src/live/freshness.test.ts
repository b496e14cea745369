import { expect, test } from 'vitest';
import { seconds, tooOld } from './freshness';

test.each([['15s', 15], ['15', 15], ['2m', 120], ['1.5h', 5400], ['', undefined], ['soon', undefined], ['-3', undefined]] as const)('%s', (text, wanted) => {
  expect(seconds(text)).toBe(wanted);
});

test('owners that are too old, by name', () => {
  expect(tooOld({ B: 20, A: 16, C: 15 }, 15)).toEqual(['A', 'B']);
  expect(tooOld({}, 0)).toEqual([]);
});
