import { expect, test } from 'vitest';
import { bound, collisions, COMMANDS, Keys, pressed } from './registry';

const settings = { singleKeys: true, rebound: {} as Record<string, string> };

test('no two commands want the same keys in the same place', () => {
  expect(collisions(COMMANDS)).toEqual([]);
  expect(collisions([{ id: 'a', keys: 'g', label: '', group: '', scope: 'list' }, { id: 'b', keys: 'g m', label: '', group: '', scope: 'global' }])).toEqual([['a', 'b']]);
});

test('ids are unique, and every command has a label', () => {
  expect(new Set(COMMANDS.map((command) => command.id)).size).toBe(COMMANDS.length);
  expect(COMMANDS.filter((command) => command.label === '')).toEqual([]);
});

function made(now = { time: 0 }) {
  const ran: string[] = [];
  const keys = new Keys(() => settings, () => now.time);
  for (const id of ['machines', 'filter', 'palette', 'copy-cli']) keys.on(id, () => ran.push(id));
  return { keys, ran, now };
}

test('two keys one after the other, within the time', () => {
  const { keys, ran, now } = made();
  expect(keys.press('g', false)).toBe(true);
  expect(keys.press('m', false)).toBe(true);
  keys.press('g', false);
  now.time = 5000;
  expect(keys.press('m', false)).toBe(false);
  keys.press('y', false);
  keys.press('c', false);
  expect(ran).toEqual(['machines', 'copy-cli']);
});

test('letters do nothing in fields; keys with Ctrl do', () => {
  const { keys, ran } = made();
  expect(keys.press('/', true)).toBe(false);
  expect(keys.press('Ctrl+k', true)).toBe(true);
  expect(ran).toEqual(['palette']);
});

test('letters can be switched off and moved', () => {
  const { keys, ran } = made();
  settings.singleKeys = false;
  expect(keys.press('/', false)).toBe(false);
  settings.singleKeys = true;
  settings.rebound = { filter: 'q' };
  expect(keys.press('q', false)).toBe(true);
  expect(keys.press('/', false)).toBe(false);
  settings.rebound = {};
  expect(ran).toEqual(['filter']);
});

test('the newest handler wins, and the older one is back afterwards', () => {
  const { keys, ran } = made();
  const undo = keys.on('filter', () => ran.push('newer'));
  keys.press('/', false);
  undo();
  keys.press('/', false);
  expect(ran).toEqual(['newer', 'filter']);
});

test('how a press is written', () => {
  const none = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
  expect(pressed({ ...none, key: '?', shiftKey: true })).toBe('?');
  expect(pressed({ ...none, key: 'T', shiftKey: true })).toBe('Shift+t');
  expect(pressed({ ...none, key: 'k', metaKey: true })).toBe('Ctrl+k');
  expect(pressed({ ...none, key: 'Enter', ctrlKey: true })).toBe('Ctrl+Enter');
});

test('a key that is taken is found before it is kept, and a command can be switched off', () => {
  expect(collisions(bound(COMMANDS, { filter: 'u' }))).toContainEqual(['filter', 'up']);
  expect(collisions(bound(COMMANDS, { filter: 'q' }))).toEqual([]);
  expect(bound(COMMANDS, { filter: '' }).some((command) => command.id === 'filter')).toBe(false);
  const { keys, ran } = made();
  settings.rebound = { filter: '' };
  expect(keys.press('/', false)).toBe(false);
  settings.rebound = {};
  expect(ran).toEqual([]);
});
