import { expect, test } from 'vitest';
import { cannotAsk, compare, OWNERS_PER_PRESS, nextOwners, questionHere, questionThere, tallyOf, verdictOf, type Answer, type Side } from './asking';

const side = (...rows: Record<string, unknown>[]): Side => ({ count: rows.length, rows });

test('whom one lost last is asked first, a bounded number at a time, and nobody twice', () => {
  expect(nextOwners({ C: 900, A: 20, B: 20 }, [])).toEqual(['A', 'B', 'C']);
  expect(nextOwners({ C: 900, A: 20, B: 20 }, ['A'])).toEqual(['B', 'C']);
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`e${at}`, at]));
  expect(nextOwners(many, [])).toHaveLength(OWNERS_PER_PRESS);
  expect(nextOwners({}, [])).toEqual([]);
});

test('the question is that of the list: of one owner here, and without the owner at the owner, unless it is a manager', () => {
  const pairs: [string, string][] = [['Endpoint', 'In(A,B)'], ['Available', 'false'], ['search', 'web'], ['sort', 'Name'], ['reverse', 'true']];
  expect(questionHere(pairs, 'A')).toEqual([['Available', 'false'], ['search', 'web'], ['Endpoint', 'Eq(A)']]);
  expect(questionThere(pairs, 'A', false)).toEqual([['Available', 'false'], ['search', 'web']]);
  expect(questionThere(pairs, 'A', true)).toEqual(questionHere(pairs, 'A'));
});

test('an owner that knows no search is not asked with one: it would take the word for a filter', () => {
  expect(cannotAsk([['search', 'web']], [])).toMatch(/cannot search/);
  expect(cannotAsk([['search', 'web']], ['ux-search'])).toBe('');
  expect(cannotAsk([['Name', 'web']], [])).toBe('');
});

test('rows that both have are equal whatever the order of members; the owner leaves its own name out', () => {
  const comparison = compare('Uuid', side({ Uuid: '1', Name: 'a', Meta: { x: 1, y: [2] } }), side({ Endpoint: 'A', Meta: { y: [2], x: 1 }, Name: 'a', Uuid: '1' }));
  expect(comparison).toEqual({ there: 1, here: 1, complete: true, onlyThere: [], onlyHere: [], changed: [] });
  expect(verdictOf(comparison)).toBe('equal');
});

test('rows of one side, and members that differ, are named; false, 0 and nothing are three things', () => {
  const comparison = compare('Uuid', side({ Uuid: '1', Name: 'a', Locked: false, Left: 0 }, { Uuid: '2', Name: 'new' }), side({ Uuid: '1', Name: 'a', Left: false }, { Uuid: '3' }));
  expect(comparison).toMatchObject({ onlyThere: [{ key: '2', name: 'new' }], onlyHere: [{ key: '3', name: '3' }], changed: [{ key: '1', name: 'a', members: ['Left', 'Locked'] }] });
  expect(verdictOf(comparison)).toBe('differs');
});

test('of more rows than are read only the number is compared, and equal numbers are no proof', () => {
  const cut: Side = { count: 500, rows: [{ Name: 'a' }] };
  expect(verdictOf(compare('Name', cut, { ...cut, rows: [{ Name: 'b' }] }))).toBe('same number');
  expect(verdictOf(compare('Name', cut, { ...cut, count: 499 }))).toBe('differs');
  expect(compare('Name', cut, side()).onlyThere).toEqual([]);
});

test('what came of it in numbers', () => {
  const same = compare('Name', side(), side());
  const answers: Answer[] = [{ kind: 'waiting' }, { kind: 'asking' }, { kind: 'stopped' }, { kind: 'silent', why: 'x' }, { kind: 'answered', comparison: same, at: '' }, { kind: 'answered', comparison: { ...same, there: 1 }, at: '' }];
  expect(tallyOf(answers.map((answer, at) => ({ owner: String(at), age: 1, answer })))).toEqual({ done: 4, answered: 2, differ: 1, silent: 1, stopped: 1 });
});
