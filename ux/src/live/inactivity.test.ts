import { expect, test } from 'vitest';
import { DEFAULT_MINUTES, idleState, storedMinutes } from './inactivity';

const HOUR = 3600_000;

test.each([
  [0, HOUR, { kind: 'used' }],
  [HOUR - 121_000, HOUR, { kind: 'used' }],
  [HOUR - 120_000, HOUR, { kind: 'warn', seconds: 120 }],
  [HOUR - 1, HOUR, { kind: 'warn', seconds: 1 }],
  [HOUR, HOUR, { kind: 'over' }],
  [40_000, 60_000, { kind: 'warn', seconds: 20 }],
  [20_000, 60_000, { kind: 'used' }],
])('idle for %d of %d ms', (idle, limit, state) => {
  expect(idleState(idle, limit)).toEqual(state);
});

test.each([[null, DEFAULT_MINUTES], ['', DEFAULT_MINUTES], ['x', DEFAULT_MINUTES], ['0', DEFAULT_MINUTES], ['15', 15]])('stored %j', (text, minutes) => {
  expect(storedMinutes(text)).toBe(minutes);
});
