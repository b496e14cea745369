import { expect, test } from 'vitest';
import { emptyQuery, toSearch, type Query } from '../../api/filters';
import { saidOf, toggled, without } from './facets';

const query = (...filters: [string, string][]): Query => ({ ...emptyQuery(), filters: filters.map(([name, value]) => ({ name, value })) });

test.each([
  [query(), 'a', false, '?Stage=a'],
  [query(['Stage', 'a']), 'b', false, '?Stage=In(a,b)'],
  [query(['Stage', 'In(a,b)']), 'a', false, '?Stage=b'],
  [query(['Stage', 'a']), 'a', false, ''],
  [query(), 'a', true, '?Stage=Ne(a)'],
  [query(['Stage', 'Ne(a)']), 'b', true, '?Stage=Nin(a,b)'],
  [query(['Stage', 'Nin(a,b)']), 'b', true, '?Stage=Ne(a)'],
  [query(['Stage', 'a']), 'b', true, '?Stage=Ne(b)'],
  [query(['Stage', 'Re(x)']), 'b', false, '?Stage=b'],
  [query(['Stage', 'a']), 'b,c', false, '?Stage=b,c'],
  [query(['Stage', 'b,c']), 'a', false, '?Stage=a'],
  [query(), 'false', false, '?Stage=false'],
  [query(), '', false, '?Stage='],
])('%o %s %s', (before, value, exclude, wanted) => {
  expect(toSearch(toggled(before, 'Stage', value, exclude))).toBe(wanted);
});

test('other filters stay', () => {
  expect(toSearch(toggled(query(['Arch', 'x'], ['Stage', 'a']), 'Stage', 'a', false))).toBe('?Arch=x');
});

test('what the filters say of a value', () => {
  expect(saidOf(query(['Stage', 'In(a,b)']), 'Stage', 'b')).toBe('in');
  expect(saidOf(query(['Stage', 'Ne(a)']), 'Stage', 'a')).toBe('out');
  expect(saidOf(query(['Stage', 'Re(a)']), 'Stage', 'a')).toBe('none');
  expect(saidOf(query(), 'Stage', 'a')).toBe('none');
});

test('a facet counts without its own filter', () => {
  expect(without([['Stage', 'a'], ['Arch', 'x'], ['sort', 'Name']], 'Stage')).toEqual([['Arch', 'x']]);
});
