import { expect, test } from 'vitest';
import { isSealed, paramsOf } from './params';

test('where a value comes from: own, profiles in order, global, default', () => {
  const found = paramsOf({ d: 4, a: 1, b: 2, c: 3 }, { a: 1 }, [{ name: 'p', params: { a: 9, b: 2 } }, { name: 'q', params: { b: 7 } }, { name: 'global', params: { c: 3 } }]);
  expect(found.map(({ name, from }) => [name, from])).toEqual([['a', ''], ['b', 'p'], ['c', 'global'], ['d', 'default']]);
});

test('sealed values are known by their shape', () => {
  expect(isSealed({ Key: 'a', Nonce: 'b', Payload: 'c' })).toBe(true);
  expect(isSealed({ Key: 'a' })).toBe(false);
  expect(isSealed(null)).toBe(false);
  expect(isSealed('x')).toBe(false);
});
