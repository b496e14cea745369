import { expect, test } from 'vitest';
import { TYPES } from '../api/schema';
import { conflicts, merged, mustBeGiven, noteOf, patchOf, same, sections, widgetOf } from './form';

test('a patch tests what it replaces, and goes into structures', () => {
  expect(patchOf({ a: 1, m: { x: 1, y: 2 } }, { a: 2, m: { x: 1, y: 3 }, n: true })).toEqual([
    { op: 'test', path: '/a', value: 1 },
    { op: 'replace', path: '/a', value: 2 },
    { op: 'test', path: '/m/y', value: 2 },
    { op: 'replace', path: '/m/y', value: 3 },
    { op: 'add', path: '/n', value: true },
  ]);
});

test('names with slashes and tildes, removed members, lists as a whole', () => {
  expect(patchOf({ Params: { 'a/b~c': 1 } }, { Params: {} })).toEqual([
    { op: 'test', path: '/Params/a~1b~0c', value: 1 },
    { op: 'remove', path: '/Params/a~1b~0c' },
  ]);
  expect(patchOf({ l: [1, 2] }, { l: [2] })).toHaveLength(2);
  expect(patchOf({ l: [1], m: null }, { l: [1], m: null })).toEqual([]);
});

test.each([
  [{ a: [1, { b: null }] }, { a: [1, { b: null }] }, true],
  [{ a: undefined }, {}, false],
  [[], {}, false],
  [0, false, false],
  [null, {}, false],
])('same %j %j', (a, b, yes) => {
  expect(same(a, b)).toBe(yes);
});

test('only what both changed, and differently, is asked for', () => {
  const before = { a: 1, b: 1, c: 1, d: 1 };
  const yours = { a: 2, b: 2, c: 1, d: 3 };
  const theirs = { a: 3, b: 1, c: 9, d: 3 };
  expect(conflicts(before, yours, theirs).map(({ name }) => name)).toEqual(['a']);
  expect(merged(before, yours, theirs, new Set())).toEqual({ a: 3, b: 2, c: 9, d: 3 });
  expect(merged(before, yours, theirs, new Set(['a']))).toEqual({ a: 2, b: 2, c: 9, d: 3 });
});

test('every field of every type has a widget and a place, secrets have none', () => {
  for (const type of Object.values(TYPES)) {
    const shown = sections(type, false).flatMap((section) => section.fields);
    expect(new Set(shown).size, type.prefix).toBe(shown.length);
    expect(shown.some((field) => field.secret), type.prefix).toBe(false);
    for (const field of shown) expect(widgetOf(field)).toBeTruthy();
    expect(sections(type, true).flatMap((section) => section.fields).some((field) => field.readOnly)).toBe(false);
  }
});

test('only what the server refuses to make an object without is marked as required', () => {
  const marked = (prefix: string) => TYPES[prefix]!.fields.filter((field) => mustBeGiven(TYPES[prefix]!, field)).map(({ name }) => name);
  expect(marked('machines')).toEqual(['Name']);
  expect(marked('jobs')).toEqual(['Machine']);
  expect(marked('params')).toEqual(['Name']);
  expect(marked('endpoints')).toEqual(['Id']);
});

test('what others keep is in no form, whoever that is, and says so where it is shown', () => {
  for (const type of Object.values(TYPES)) {
    const offered = [...sections(type, true), ...sections(type, false).filter(({ title }) => title !== 'Not set by hand')].flatMap(({ fields }) => fields);
    expect(offered.filter((field) => field.kept ?? field.readOnly), type.prefix).toEqual([]);
    for (const field of type.fields.filter((known) => known.kept)) expect(noteOf(field), `${type.prefix}.${field.name}`).toMatch(/^kept /);
  }
  // an endpoint is made of what people know of it
  expect(sections(TYPES['endpoints']!, true).flatMap(({ fields }) => fields.map(({ name }) => name))).toEqual(['Id', 'Description', 'Documentation', 'VersionSet', 'VersionSets', 'Apply', 'VersionSetsDisabled', 'SinglePaneDisabled', 'Params', 'Meta']);
});
