import { expect, test } from 'vitest';
import type { Claim } from './rights';
import { grantsOf, nearClaims, requestText, verdictOf } from './why';

const claim = (text: string): Claim => {
  const [scope = '', action = '', specific = ''] = text.split(' ');
  return { scope, action, specific };
};
const ROLES = [
  { Name: 'reader', Claims: [claim('* list,get *')] },
  { Name: 'operator', Claims: [claim('machines update *'), claim('jobs log *')] },
  { Name: 'rack-4', Claims: [claim('machines update:/Description web-1')] },
  { Name: 'empty', Claims: null },
];

test.each([
  ['machines get a', ['reader']],
  ['machines update a', ['operator']],
  ['machines update:/Description web-1', ['operator', 'rack-4']],
  ['machines update:/Description web-2', ['operator']],
  ['machines delete a', []],
  ['jobs log x', ['operator']],
])('%s is granted by %j', (asked, names) => {
  expect(grantsOf(ROLES, claim(asked)).map((grant) => grant.role)).toEqual(names);
});

test('a yes names the role it comes from, a no the roles that would do and what one has nearby', () => {
  const own = [claim('* list,get *')];
  expect(verdictOf(own, ['reader'], ROLES, claim('machines get a'))).toMatchObject({ yes: true, by: [{ role: 'reader' }] });
  expect(verdictOf(own, ['reader'], ROLES, claim('machines update a'))).toEqual({ yes: false, by: [], would: ['operator'], near: own });
});

test('a limited token may less than its role: the role is not said to allow it', () => {
  expect(verdictOf([], ['operator'], ROLES, claim('machines update a'))).toMatchObject({ yes: false, by: [], would: [] });
});

test('claims about other scopes are not near', () => {
  expect(nearClaims([claim('jobs log *'), claim('machines,jobs get *'), claim('* list *')], claim('machines update a'))).toHaveLength(2);
});

test('what an administrator is told', () => {
  expect(requestText('ann', 'M1', claim('machines update a'), ['operator'])).toBe('ann at M1 needs the claim: machines update a. One of these roles would do: operator.');
  expect(requestText('ann', 'M1', claim('roles list'), [])).toContain('No role');
});
