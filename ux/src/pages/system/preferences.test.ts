import { expect, test } from 'vitest';
import { PREFERENCES, shownPreferences } from './preferences';

test('secrets are never shown, whatever they are called', () => {
  const shown = shownPreferences({ baseTokenSecret: '********', systemGrantorSecret: 'x', otherSecret: 'y', adminPassword: 'z', logLevel: 'info' }, new Set(['logLevel']));
  expect(shown.map(({ name, present, isSet }) => [name, present, isSet])).toEqual([['logLevel', 'info', true]]);
});

test('what this page does not know is shown all the same', () => {
  expect(shownPreferences({ newOne: '1' }, new Set())).toMatchObject([{ name: 'newOne', known: false, isSet: false }]);
});

test('names are there once, and usual words are among those offered', () => {
  expect(new Set(PREFERENCES.map(({ name }) => name)).size).toBe(PREFERENCES.length);
  for (const { words, usual } of PREFERENCES) if (words) expect(words).toContain(usual);
});
