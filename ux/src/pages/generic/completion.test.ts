import { expect, test } from 'vitest';
import { TYPES } from '../../api/schema';
import { distinctValues, fieldOf, wantedValues } from './completion';

const machines = TYPES['machines']!;

test.each([
  ['Stage=', { name: 'Stage' }],
  ['Stage=dis', { name: 'Stage' }],
  ['Runnable=', { name: 'Runnable' }],
  ['Name=web-0', { name: 'Name', begins: 'web-0' }],
  ['Name=a=b', { name: 'Name', begins: 'a=b' }],
])('%s is completed', (item, wanted) => expect(wantedValues(machines, item)).toEqual(wanted));

test.each([
  ['', 'nothing'], ['Stage', 'a name'], ['=x', 'no name'], ['Nobody=x', 'an unknown name'], ['constructor=x', 'a name of every object'],
  ['Name=', 'names of all machines'], ['Name=In(a,b)', 'an operator'], ['Name=a,b', 'two arguments'], ['Uuid=0', 'no text'], ['Address=10.', 'no text'], ['CreatedAt=2026', 'no text'],
])('%s is not: %s', (item) => expect(wantedValues(machines, item)).toBeUndefined());

test('a name that several endpoints have is offered once, and what is no text is not', () => {
  expect(distinctValues([{ Name: 'web-1', Endpoint: 'A' }, { Name: 'web-1', Endpoint: 'B' }, {}, { Name: '' }, { Name: 7 }, { Name: 'web-2' }], 'Name')).toEqual(['web-1', 'web-2']);
});

test('the field of an index', () => {
  expect(fieldOf(machines, 'Key')).toBe('Uuid');
  expect(fieldOf(machines, 'Name')).toBe('Name');
  expect(fieldOf(TYPES['profiles']!, 'Name')).toBe('Name');
  expect(fieldOf(TYPES['bootenvs']!, 'OsName')).toBe('OS.Name');
});
