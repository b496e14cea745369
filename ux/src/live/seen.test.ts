import { expect, test } from 'vitest';
import { sawObject, seenObject } from './seen';

test('the newest of what was seen of an object, and not more than five hundred objects', () => {
  sawObject('machines', 'a', { name: 'web-1', owner: 'A', at: 1 });
  sawObject('profiles', 'a', { name: 'other', owner: '', at: 1 });
  sawObject('machines', 'a', { name: 'web-2', owner: 'B', at: 2 });
  expect(seenObject('machines', 'a')).toEqual({ name: 'web-2', owner: 'B', at: 2 });
  for (let number = 0; number < 499; number++) sawObject('jobs', String(number), { name: '', owner: '', at: 3 });
  expect(seenObject('profiles', 'a')).toBeUndefined();
  expect(seenObject('machines', 'a')?.name).toBe('web-2');
});
