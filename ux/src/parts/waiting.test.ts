import { expect, test } from 'vitest';
import { titleWith, waitingLine } from './waiting';

test.each([
  [{ prefix: 'rollouts', key: 'spring', owner: '', state: 'paused', reason: 'gate does not hold' }, 'Rollout spring is paused: gate does not hold', '/ux/rollouts/spring'],
  [{ prefix: 'rollouts', key: 'spring', owner: 'R2', state: 'paused', reason: '' }, 'Rollout spring of R2 is paused', '/ux/rollouts/spring?owner=R2'],
  [{ prefix: 'bulks', key: 'b 1', owner: '', state: 'asking', reason: '' }, 'Change of many b 1 asks whether to go on', '/ux/bulk/b%201'],
] as const)('%j', (waits, label, href) => {
  expect(waitingLine(waits)).toEqual({ label, href });
});

test('the name of a tab says how many wait', () => {
  expect([titleWith(0, 'Now'), titleWith(2, 'Now')]).toEqual(['Now', '(2) Now']);
});
