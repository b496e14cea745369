import { expect, test } from 'vitest';
import { isGrowing, jobState, jobTook } from './facts';

const NEVER = '0001-01-01T00:00:00Z';

test.each([
  [{ State: 'finished', ExitState: 'complete' }, 'ok', 'finished'],
  [{ State: 'finished', ExitState: 'reboot' }, 'ok', 'finished, then reboot'],
  [{ State: 'failed', ExitState: 'failed' }, 'failed', 'failed'],
  [{ State: 'running' }, 'working', 'running'],
  [{}, 'off', 'unknown'],
])('%j', (body, kind, word) => {
  expect(jobState(body)).toEqual({ kind, word });
});

test.each([
  [{ State: 'finished', StartTime: '2026-11-30T14:00:00Z', EndTime: '2026-11-30T14:00:20Z' }, '20 s'],
  [{ State: 'running', StartTime: '2026-11-30T14:00:00Z', EndTime: NEVER }, '60 s'],
  [{ State: 'failed', StartTime: '2026-11-30T14:00:00Z', EndTime: NEVER }, ''],
  [{ State: 'created', StartTime: NEVER, EndTime: NEVER }, ''],
  [{ State: 'finished', StartTime: '2026-11-30T14:00:00Z', EndTime: '2026-11-30T13:00:00Z' }, ''],
])('%j took %s', (body, took) => {
  expect(jobTook(body, Date.parse('2026-11-30T14:01:00Z'))).toBe(took);
});

test('a failed job writes nothing any more', () => {
  expect([isGrowing({ State: 'running' }), isGrowing({ State: 'failed' }), isGrowing({})]).toEqual([true, false, false]);
});
