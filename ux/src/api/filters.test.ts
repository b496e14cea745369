import { describe, expect, test } from 'vitest';
import { encodeQuery, queryText } from './client';
import {
  emptyQuery, formatFilter, formatText, formatValue, fromPairs, judge, nearest, OPERATORS, parsePairs, parseText, parseValue, shellWord, splitItems, toCli, toPairs, toSearch,
  type Filter,
} from './filters';
import { TYPES } from './schema';

/** A seeded generator: a failure is the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const ALPHABET = ['a', 'B', '0', ' ', '&', '=', '(', ')', ',', '"', "'", '\\', '%', '+', '#', '?', '/', 'é', '☃', '😀', '\n', 'In(', 'false'];
const NAMES = ['Name', 'Endpoint', 'rack/name', 'ipmi/enabled', 'Runnable', 'Umläut'];
const VALUES = ['', 'false', '0', 'In(a,b)', 'Re(^a(b|c)$)', 'x y', 'Eq()', ')', '(', '"', 'a"b', '\\'];

function filters(random: () => number): Filter[] {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
  return Array.from({ length: Math.floor(random() * 4) }, () => ({
    name: pick(NAMES),
    value: random() < 0.4 ? pick(VALUES) : Array.from({ length: Math.floor(random() * 8) }, () => pick(ALPHABET)).join(''),
  }));
}

describe('round trips over 3 000 made queries', () => {
  const random = generator(20260101);
  for (let round = 0; round < 3; round++) {
    test(`part ${round}`, () => {
      for (let at = 0; at < 1000; at++) {
        const made = filters(random);
        const query = { ...emptyQuery(), filters: made, sort: random() < 0.5 ? 'Name' : '', reverse: random() < 0.5, search: random() < 0.3 ? 'two words' : '', own: { _cols: 'Name,OS.Name:120' } };
        expect(fromPairs(parsePairs(toSearch(query)))).toEqual(query);
        expect(parseText(formatText({ filters: made, search: '' }))).toEqual({ filters: made, search: '' });
      }
    });
  }
});

test('a lone surrogate is encoded as something, and never throws', () => {
  expect(() => encodeQuery('a\ud800b')).not.toThrow();
});

test.each([
  ['Endpoint=In(A,B)&Available=false', [['Endpoint', 'In(A,B)'], ['Available', 'false']], ''],
  ['Endpoint=In(A,B)  Available=false', [['Endpoint', 'In(A,B)'], ['Available', 'false']], ''],
  ['web rack', [], 'web rack'],
  ['Name="a b" late', [['Name', 'a b']], 'late'],
  ['Description=Re(a b)', [['Description', 'Re(a b)']], ''],
  ['Runnable=', [['Runnable', '']], ''],
  ['CurrentTask=0', [['CurrentTask', '0']], ''],
  ['=x', [], '=x'],
  ['', [], ''],
])('text %j', (text, pairs, search) => {
  expect(parseText(text)).toEqual({ filters: pairs.map(([name, value]) => ({ name, value })), search });
});

test.each([
  ['x', 'Eq', ['x']],
  ['In(a,b)', 'In', ['a', 'b']],
  ['in(a)', 'In', ['a']],
  ['Re(a,b)', 'Re', ['a,b']],
  ['Foo(a)', 'Eq', ['Foo(a)']],
  ['Eq()', 'Eq', ['']],
  ['In(a', 'Eq', ['In(a']],
])('value %j', (value, op, args) => {
  expect(parseValue(value)).toEqual({ op, args });
});

test('every operator survives being written and read', () => {
  for (const op of OPERATORS) {
    const args = ['Between', 'Except', 'In', 'Nin'].includes(op) ? ['1', '2'] : ['1'];
    expect(parseValue(formatValue(op, args))).toEqual({ op, args });
  }
  expect(parseValue(formatValue('Eq', ['In(x)']))).toEqual({ op: 'Eq', args: ['In(x)'] });
});

test('the address is readable, and holds nothing that ends it early', () => {
  const query = { ...emptyQuery(), filters: [{ name: 'Endpoint', value: 'In(A,B)' }, { name: 'Name', value: 'a&b=c#d+e f' }] };
  expect(toSearch(query)).toBe('?Endpoint=In(A,B)&Name=a%26b%3Dc%23d%2Be%20f');
  expect(queryText(toPairs(query))).toBe(toSearch(query).slice(1));
});

test('the command quotes what a shell would read', () => {
  const query = { ...emptyQuery(), filters: [{ name: 'Endpoint', value: 'In(A,B)' }, { name: 'Available', value: 'false' }], sort: 'Name', reverse: true };
  expect(toCli('machines', query)).toBe("mullion machines list 'Endpoint=In(A,B)' Available=false --sort Name --reverse");
  expect(shellWord("it's $HOME")).toBe("'it'\\''s $HOME'");
  expect(shellWord('')).toBe("''");
});

test('words of paging are no filters, and those of the interface stay apart', () => {
  const query = fromPairs(parsePairs('?limit=5&offset=3&slim=Params&fields=a&Name=x&_open=k&sets=a,b'));
  expect(query.filters).toEqual([{ name: 'Name', value: 'x' }]);
  expect(query.own).toEqual({ _open: 'k', sets: 'a,b' });
  expect(toPairs(query)).toEqual([['Name', 'x']]);
});

test('a filter is judged by the indexes of its type', () => {
  const machines = TYPES['machines']!;
  expect(judge({ name: 'Name', value: 'x' }, machines, new Set())).toEqual({ kind: 'good' });
  expect(judge({ name: 'rack/name', value: 'x' }, machines, new Set())).toEqual({ kind: 'param' });
  expect(judge({ name: 'Nmae', value: 'x' }, machines, new Set())).toMatchObject({ kind: 'unknown', nearest: ['Name'] });
  expect(judge({ name: 'rack/name', value: 'x' }, TYPES['params']!, new Set()).kind).toBe('unknown');
  expect(nearest('stage', Object.keys(machines.indexes))[0]).toBe('Stage');
});

test('items end at blanks and & outside of quotes and parentheses only', () => {
  expect(splitItems('a=In(x y)&b="c d" e')).toEqual(['a=In(x y)', 'b="c d"', 'e']);
  expect(formatFilter({ name: 'a', value: 'x)' })).toBe('a="x)"');
});
