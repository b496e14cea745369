import { expect, test } from 'vitest';
import { emptyQuery } from '../api/filters';
import { managersOf, onlyOwner, scopeIds, scopeLabel, scopePairs, searchThere, scopeMissed } from './scope';

const belowOf = (manager: string) => (manager === 'R2' ? ['R2', 'C', 'D'] : undefined);

test.each([
  ['A', ['A']], ['A,B', ['A', 'B']], ['R2/*', ['R2', 'C', 'D']], ['C,R2/*', ['C', 'R2', 'D']], ['R9/*', ['R9']], ['', []], [' A , ', ['A']],
])('%s', (at, wanted) => {
  expect(scopeIds(at, belowOf)).toEqual(wanted);
});

test('what is asked for, and how it reads', () => {
  expect(managersOf('A,R2/*')).toEqual(['R2']);
  expect(scopeLabel('R2/*')).toBe('R2 and below');
  expect(scopeLabel('A,B,C')).toBe('A and 2 more');
});

test('a filter by endpoint of the person himself wins', () => {
  const query = { ...emptyQuery(), own: { _at: 'A' } };
  expect(scopePairs(query, 'machines')).toEqual([['Endpoint', 'In(A)']]);
  expect(scopePairs(query, 'endpoints')).toEqual([['Id', 'In(A)']]);
  expect(scopePairs(query, 'preferences')).toEqual([]);
  expect(scopePairs({ ...query, filters: [{ name: 'Endpoint', value: 'B' }] }, 'machines')).toEqual([]);
});

test.each([
  ['A', '', 'A'], ['Eq(A)', '', 'A'], ['In(A)', '', 'A'], ['In(A,B)', '', ''], ['Ne(A)', '', ''], ['Re(A)', '', ''], ['', 'B', ''],
  [undefined, 'A', 'A'], [undefined, 'A,B', ''], [undefined, 'R2/*', ''], [undefined, '', ''], ['A', 'B', 'A'],
])('Endpoint=%s in the scope of %s is of %s alone', (value, at, wanted) => {
  const query = { ...emptyQuery(), own: { _at: at ?? '' }, filters: value === undefined ? [] : [{ name: 'Endpoint', value }] };
  expect(onlyOwner(query)).toBe(wanted);
});

test('the same list at its owner keeps all other filters, the order and the columns', () => {
  const query = { ...emptyQuery(), filters: [{ name: 'Endpoint', value: 'A' }, { name: 'Stage', value: 'local' }], sort: 'Name', own: { _at: 'A', _cols: 'Name,Stage', _open: 'A\nweb' } };
  expect(searchThere(query)).toBe('?Stage=local&sort=Name&_cols=Name,Stage');
});

test.each([
  ['machines', 'A', ''],
  ['content/BasicStore', '', ''],
  ['content/BasicStore', 'A', 'The scope A does not narrow this page: it is about M1 itself.'],
  ['', 'R2/*', 'The scope R2 and below does not narrow this page: it is about everything.'],
])('above %s with the scope “%s”: %s', (path, at, said) => {
  expect(scopeMissed(path, at, 'M1')).toBe(said);
});
