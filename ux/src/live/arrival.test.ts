import { expect, test } from 'vitest';
import { hasArrived, placeOf } from './arrival';

test.each([
  ['/A/api/v3/machines/u-1', {}, { prefix: 'machines', key: 'u-1', owner: 'A' }],
  ['machines/u-1/params', {}, { prefix: 'machines', key: 'u-1', owner: 'A' }],
  ['machines', { Uuid: 'u-2', Name: 'web' }, { prefix: 'machines', key: 'u-2', owner: 'A' }],
  ['/A/api/v3/params/net%2Fsize', null, { prefix: 'params', key: 'net/size', owner: 'A' }],
  ['machines', [], undefined],
  ['/A/api/v3/files/x y', null, { prefix: 'files', key: 'x y', owner: 'A' }],
])('%s with %j is %j', (target, answer, wanted) => expect(placeOf(target, 'A', answer)).toEqual(wanted));

const at = (time: string) => ({ LastModifiedAt: time });

test.each([
  ['older', at('2026-12-01T10:00:00Z'), at('2026-12-01T10:00:01Z'), true, false],
  ['the same', at('2026-12-01T10:00:01.5Z'), at('2026-12-01T10:00:01.500Z'), false, true],
  ['newer: somebody wrote again', at('2026-12-01T10:00:02Z'), at('2026-12-01T10:00:01Z'), false, true],
  ['no time in the answer, news of the object', at('2026-12-01T10:00:00Z'), { a: 1 }, true, true],
  ['no time in the answer, only read', at('2026-12-01T10:00:00Z'), { a: 1 }, false, false],
  ['it is gone', null, null, true, true],
])('%s', (_, shown, answer, news, wanted) => expect(hasArrived(shown, answer, news)).toBe(wanted));
