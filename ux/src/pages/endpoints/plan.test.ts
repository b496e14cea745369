import { expect, test } from 'vitest';
import type { EndpointPlan, PlanLine } from '../../api/types';
import { leaseWords, planStory } from './plan';

const LINE: PlanLine = { Number: 1, Type: 'ContentPackage', Name: 'base', Version: 'stable', ActualVersion: 'v2', Action: 'AddOrUpdate', Value: null, Set: 's', Shadows: [], Current: 'v1', Bytes: 0, Restarts: false, After: [] };
const PLAN: EndpointPlan = { Endpoint: 'A', VersionSets: ['s'], Apply: true, State: 'idle', ConfiguredBy: '', NextAttempt: '', Actions: [], Deletions: [], Problems: [], Bytes: 0, Restarts: false };

test.each([
  [{}, 'ok', 'idle'],
  [{ VersionSets: [] }, 'ok', 'idle'],
  [{ State: 'applying', ConfiguredBy: 'M1', Actions: [LINE] }, 'working', 'being applied by M1'],
  [{ State: 'waiting' }, 'waiting', 'waits for its turn'],
  [{ State: 'stopped', Problems: ['a', 'b'], NextAttempt: '2026-11-30T03:12:00Z' }, 'failed', 'stopped'],
  [{ State: 'disabled' }, 'off', 'not managed'],
  [{ State: 'not connected' }, 'dark', 'not connected'],
  [{ State: 'not managing', ConfiguredBy: 'R2' }, 'off', 'not configured from here'],
  [{ Apply: false, Actions: [LINE] }, 'paused', 'not applied'],
  [{ Actions: [LINE] }, 'waiting', 'about to begin'],
] as const)('why nothing happens: %o', (more, kind, word) => {
  expect(planStory({ ...PLAN, ...(more as Partial<EndpointPlan>) })).toMatchObject({ kind, word });
});

test('the title sums up', () => {
  expect(planStory({ ...PLAN, Actions: [LINE, LINE], Deletions: [LINE], Bytes: 64.1 * 1024 * 1024, Restarts: true }).title).toBe('2 actions, 1 deletion, 64 MB, restarts once');
  expect(planStory({ ...PLAN, State: 'stopped', Problems: ['a', 'b'], NextAttempt: '2026-11-30T03:12:00Z' }).why).toBe('2 failed, tries again 03:12.');
});

test('while it is applied the title counts what is left, and says so', () => {
  expect(planStory({ ...PLAN, State: 'applying', Actions: [LINE, LINE], Deletions: [LINE] }).why).toBe('3 lines left: what is done is not listed any more.');
  expect(planStory({ ...PLAN, State: 'applying' }).why).toBe('');
  expect(planStory({ ...PLAN, State: 'applying', Actions: [LINE], Done: 2, Total: 9 }).why).toBe('3 of 9: what is done is not listed any more.');
  expect(planStory({ ...PLAN, State: 'applying', Done: 9, Total: 9 }).why).toBe('9 of 9: what is done is not listed any more.');
});

test('the lease is counted down from what the endpoint said, and never below nothing', () => {
  expect(leaseWords({ holder: 'M1', seconds: 60 }, 19.2)).toBe('The lease of M1 lasts 41 s unless it is renewed.');
  expect(leaseWords({ holder: 'M1', seconds: 60 }, 61)).toMatch(/has run out/);
  expect(leaseWords({ holder: '', seconds: 0 }, 0)).toMatch(/^Nobody/);
});
