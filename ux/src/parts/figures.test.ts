import { expect, test } from 'vitest';
import { spreadOf } from './figures';

test.each([
  [[], { count: 0, median: 0, most95: 0, most: 0 }],
  [[7.4], { count: 1, median: 7, most95: 7, most: 7 }],
  [[30, 10, 20], { count: 3, median: 20, most95: 30, most: 30 }],
  [Array.from({ length: 100 }, (_, at) => at), { count: 100, median: 50, most95: 95, most: 99 }],
])('%j', (values, wanted) => expect(spreadOf(values)).toEqual(wanted));
