import { expect, test } from 'vitest';
import { parseSide, sideLabel, sidesOf, undone } from './sides';

test.each([
  ['set:base', 'set', '', 'base', 'base'], ['is:edge:1', 'is', '', 'edge:1', 'edge:1 as it is'], ['declared:e', 'declared', '', 'e', 'e as declared'], ['before:s', 'before', '', 's', 's before'], ['plain', 'set', '', 'plain', 'plain'],
  ['is:R2/edge', 'is', 'R2', 'edge', 'edge of R2 as it is'], ['set:R2/base', 'set', 'R2', 'base', 'base of R2'],
] as const)('%s', (text, kind, owner, key, label) => {
  expect(parseSide(text)).toEqual({ kind, owner, key });
  expect(sideLabel(text)).toBe(label);
});

test('what is chosen from', () => expect(sidesOf(['a'], ['e', 'R2/e'])).toEqual(['set:a', 'before:a', 'is:e', 'declared:e', 'is:R2/e', 'declared:R2/e']));

test('the newest change is undone, and only that', () => {
  const now = { Prefs: { 'a/b': '2', c: '3' }, DRPVersion: 'v2' };
  expect(undone(now, { Entries: [{ Changes: [{ Path: '/Prefs/a~1b', From: '1', To: '2' }, { Path: '/Prefs/c', To: '3' }, { Path: '/Prefs/d', From: 'x' }] }, { Changes: [{ Path: '/DRPVersion', From: 'v1', To: 'v2' }] }] })).toEqual({ Prefs: { 'a/b': '1', d: 'x' }, DRPVersion: 'v2' });
  expect(now.Prefs['a/b']).toBe('2');
});

test.each([[{ Entries: [] }], [{ Entries: [{ BeforeUnknown: true }] }]])('what nobody knows is not made up: %j', (history) => expect(() => undone({}, history)).toThrow('not known'));
