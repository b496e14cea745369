import { describe, expect, test } from 'vitest';
import type { Param } from '../api/types';
import { byPack, emptyValue, firstSentence, hintsOf, paramPatch, rowsOf, schemaOf, shownRows, valueText, webLink, widgetOfSchema, type Level } from './params';

const param = (Name: string, Schema: unknown, more: Partial<Param> = {}) => ({ Name, Schema, Description: '', Bundle: 'pack', Meta: {}, ...more }) as unknown as Param;

test.each([
  [{ type: 'string' }, 'text', ''],
  [{ type: 'integer', minimum: 3 }, 'number', 3],
  [{ type: 'number' }, 'number', 0],
  [{ type: 'boolean' }, 'switch', false],
  [{ type: 'string', enum: ['a', 'b'] }, 'choice', 'a'],
  [{ enum: [1, 2] }, 'choice', 1],
  [{ enum: [{ a: 1 }] }, 'yaml', {}],
  [{ enum: [] }, 'yaml', {}],
  [{ type: 'array', items: { type: 'string' } }, 'texts', []],
  [{ type: 'array', items: { type: 'integer' } }, 'numbers', []],
  [{ type: 'array', items: { type: 'string', enum: ['x'] } }, 'choices', []],
  [{ type: 'array', items: { type: 'object' } }, 'yaml', []],
  [{ type: 'array' }, 'yaml', []],
  [{ type: 'object' }, 'yaml', {}],
  [{ type: ['string', 'null'] }, 'yaml', {}],
  [{}, 'yaml', {}],
  [{ type: 'string', default: 'd' }, 'text', 'd'],
] as const)('%j is edited as %s and begins with %j', (schema, widget, empty) => {
  expect(widgetOfSchema(schema as never)).toBe(widget);
  if (widget !== 'yaml' || !('enum' in schema)) expect(emptyValue(schema as never)).toEqual(empty);
});

describe('rows', () => {
  const levels: Level[] = [
    { kind: 'own', name: '', params: { a: 1, secret: { Key: 'k', Nonce: 'n', Payload: 'p' } } },
    { kind: 'profile', name: 'rack', params: { a: 2, b: 3 } },
    { kind: 'global', name: 'global', params: { b: 4, undeclared: true } },
  ];
  const declared = [param('a', { type: 'integer' }), param('b', {}), param('c', { default: false }), param('d', {}, { Bundle: '' })];
  const rows = rowsOf(levels, declared);

  test('the nearest value counts, and says what it shadows', () => {
    expect(rows.map(({ name, value, from, fromName, shadows, pack }) => [name, value, from, fromName, shadows, pack])).toEqual([
      ['a', 1, 'own', '', ['profile rack'], 'pack'],
      ['b', 3, 'profile', 'rack', ['global'], 'pack'],
      ['c', false, 'default', '', [], 'pack'],
      ['d', undefined, 'unset', '', [], 'made here'],
      ['secret', levels[0]!.params['secret'], 'own', '', [], 'not declared'],
      ['undeclared', true, 'global', 'global', [], 'not declared'],
    ]);
  });

  test('what is set is shown; what is typed finds everything', () => {
    expect(shownRows(rows, '', false).map((row) => row.name)).toEqual(['a', 'b', 'secret', 'undeclared']);
    expect(shownRows(rows, '', true)).toHaveLength(6);
    expect(shownRows(rows, ' D ', false).map((row) => row.name)).toEqual(['d', 'undeclared']);
    expect(shownRows(rows, 'nothing', true)).toEqual([]);
  });

  test('grouped by the pack that declares them', () => {
    expect(byPack(rows).map((group) => [group.pack, group.rows.length])).toEqual([['made here', 1], ['not declared', 2], ['pack', 3]]);
  });
});

test.each([
  ['a/b', {}, 5, [{ op: 'add', path: '/a~1b', value: 5 }]],
  ['a', { a: 1 }, 2, [{ op: 'test', path: '/a', value: 1 }, { op: 'replace', path: '/a', value: 2 }]],
  ['a', { a: 1 }, undefined, [{ op: 'test', path: '/a', value: 1 }, { op: 'remove', path: '/a' }]],
  ['a', { a: false }, null, [{ op: 'test', path: '/a', value: false }, { op: 'replace', path: '/a', value: null }]],
])('the patch of %s in %j to %j', (name, own, value, expected) => expect(paramPatch(name, own, value)).toEqual(expected));

test.each([
  ['One. Two.', 'One.'],
  ['No end\ngoes on\n\nAnother', 'No end goes on'],
  ['v1.2 is here. Yes', 'v1.2 is here.'],
  ['', ''],
])('the first sentence of %j', (text, expected) => expect(firstSentence(text)).toBe(expected));

test('hints of packs', () => {
  expect(hintsOf(param('a', {}, { Meta: { icon: 'key', color: 'blue', title: 'T', readonly: 'yes', password: 'showable', clipboard: 'TRUE', render: 'Link' } as never }))).toEqual({ title: 'T', icon: 'key', colour: 'blue', readonly: true, password: 'showable', copyable: true, render: 'link' });
  expect(hintsOf(undefined)).toEqual({ title: '', icon: '', colour: '', readonly: false, password: '', copyable: false, render: '' });
});

test.each([['https://a.example/x', 'https://a.example/x'], ['javascript:alert(1)', ''], ['see https://a', ''], [5, '']])('%j leads to %j', (value, expected) => expect(webLink(value)).toBe(expected));

test('a schema that is none says nothing', () => expect([schemaOf(param('a', true)), schemaOf(param('a', [1])), schemaOf(undefined)]).toEqual([{}, {}, {}]));

test('values in one line', () => {
  expect([undefined, 'x', false, [1, 2], { a: 1 }].map(valueText)).toEqual(['', 'x', 'false', '[1,2]', '{"a":1}']);
  expect(valueText(Array.from({ length: 99 }, (_, at) => at))).toBe('list of 99');
  expect(valueText(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`key${at}`, at])))).toBe('map of 40');
});
