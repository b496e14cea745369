import { expect, test } from 'vitest';
import { NOTICED_MS, storedAwaited, toldOf, type Awaited, type Reach } from './awaited';

const entry = (id: string, seenOut = false): Awaited => ({ id, asked: 1000, seenOut });
const reach = (...pairs: [string, Reach][]) => new Map(pairs);

test('an endpoint is back when it was seen out of touch, and is reached', () => {
  const out = toldOf([entry('C')], reach(['C', 'out']), 2000);
  expect(out).toEqual({ still: [entry('C', true)], back: [], gone: [] });
  expect(toldOf(out.still, reach(['C', 'reached']), 3000)).toEqual({ still: [], back: ['C'], gone: [] });
});

test('a way that broke is not taken for one that is back before anybody could notice', () => {
  expect(toldOf([entry('C')], reach(['C', 'reached']), 1000 + NOTICED_MS - 1).back).toEqual([]);
  expect(toldOf([entry('C')], reach(['C', 'reached']), 1000 + NOTICED_MS).back).toEqual(['C']);
});

test('what could not be asked is waited for; what is no endpoint any more is not', () => {
  expect(toldOf([entry('C'), entry('D')], reach(['D', 'gone']), 99_000)).toEqual({ still: [entry('C')], back: [], gone: ['D'] });
});

test.each([
  [null, []],
  ['nonsense', []],
  ['{"id":"C"}', []],
  ['[null, 3, {"id":"C"}, {"asked":1}, {"id":"C","asked":1}]', [{ id: 'C', asked: 1, seenOut: false }]],
  ['[{"id":"C","asked":1,"seenOut":true}]', [{ id: 'C', asked: 1, seenOut: true }]],
])('%s', (text, wanted) => {
  expect(storedAwaited(text)).toEqual(wanted);
});
