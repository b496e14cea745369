import { expect, test } from 'vitest';
import { endpointOf } from '../parts/endpoint';
import { sentences, turnOf } from './causes';

const made = (status: string) => endpointOf({ Id: 'R2', Endpoint: 'M1', ConnectionStatus: status });

test.each([
  ['Connected', 'Lost: timed out', true],
  ['Updating', 'Lost: timed out', true],
  ['Lost: a', 'Connected', false],
  ['Lost: a', 'Updating', false],
  ['Connecting', 'Connected', false],
  ['Connecting', 'Updating', false],
  ['Connecting', 'Lost: a', undefined],
  ['Lost: a', 'Lost: b', undefined],
  ['Lost: a', 'Connecting', undefined],
  ['Updating', 'Connected', undefined],
  ['', 'Lost: a', undefined],
  ['Lost: a', 'Error: login refused', true],
])('%s, then %s', (before, now, lost) => {
  expect(turnOf(made(before), made(now))?.lost).toBe(lost);
});

test('one sentence a cause, with what is behind it', () => {
  const lost = (id: string) => ({ id, lost: true, why: 'timed out', person: false });
  expect(sentences([lost('C'), lost('R2')], new Map([['R2', 124]]))).toEqual([{ text: 'R2 and 1 other are dark; 124 below: timed out', bad: true }]);
  expect(sentences([lost('R2'), { ...lost('R2'), lost: false }], new Map())).toEqual([{ text: 'R2 is in touch', bad: false }]);
  expect(sentences([], new Map())).toEqual([]);
});
