import { expect, test } from 'vitest';
import { TYPES } from '../api/schema';
import { columnsOf, defaultColumns, flexibleWidth, formatColumns, moved, parseColumns } from './columns';
import { cellText } from '../text/en';
import { add, afterQueryChange, everything, isSelected, NOTHING, rowName, sizeOf, toggle } from './selection';
import { slotCount, slotRows } from './slots';
import { clampTop, isScaled, lastTop, MOST_PIXELS, scrollHeight, scrollOfTop, topOfScroll, topShowing, visibleRows } from './window';

const geometry = (rows: number, viewport = 560) => ({ rows, rowHeight: 28, viewport });

test.each([0, 1, 19, 20, 21, 1000, 285_714, 285_715, 1_000_000])('%d rows: first and last can be reached', (rows) => {
  const shape = geometry(rows);
  expect(scrollHeight(shape)).toBeLessThanOrEqual(MOST_PIXELS);
  expect(topOfScroll(0, shape)).toBe(0);
  const end = topOfScroll(Math.max(0, scrollHeight(shape) - shape.viewport), shape);
  expect(end).toBeCloseTo(lastTop(shape), 6);
  expect(visibleRows(end, shape).last).toBe(rows - 1);
  expect(visibleRows(0, shape).first).toBe(0);
});

test('a row that is scrolled to is found again, scaled or not', () => {
  for (const rows of [1000, 1_000_000]) {
    const shape = geometry(rows);
    for (const top of [0, 1, 0.5, 500, lastTop(shape)]) expect(topOfScroll(scrollOfTop(top, shape), shape)).toBeCloseTo(top, 6);
  }
  expect(isScaled(geometry(1_000_000))).toBe(true);
  expect(isScaled(geometry(1000))).toBe(false);
});

test('showing a row moves as little as possible', () => {
  const shape = geometry(1_000_000);
  expect(topShowing(5, 0, shape)).toBe(0);
  expect(topShowing(20, 0, shape)).toBe(1);
  expect(topShowing(900_000, 0, shape)).toBe(900_001 - 20);
  expect(topShowing(3, 10, shape)).toBe(3);
  expect(clampTop(-5, shape)).toBe(0);
});

test('scrolling by one row changes one slot', () => {
  const count = slotCount(560, 28);
  const before = slotRows(100, 100 + count - 1, count);
  const after = slotRows(101, 101 + count - 1, count);
  expect(after.filter((row, slot) => row !== before[slot])).toHaveLength(1);
  expect(slotRows(0, -1, 3)).toEqual([-1, -1, -1]);
  expect(new Set(before).size).toBe(count);
});

test('all that a screen shows has a slot', () => {
  for (const viewport of [28, 300, 561, 2000]) {
    const shape = geometry(1_000_000, viewport);
    for (const top of [0, 0.9, 17.5, lastTop(shape)]) {
      const { first, last } = visibleRows(top, shape);
      expect(slotRows(first, last, slotCount(viewport, 28)).filter((row) => row >= 0)).toHaveLength(Math.min(last - first + 1, slotCount(viewport, 28)));
      expect(first + slotCount(viewport, 28)).toBeGreaterThan(top + viewport / 28);
    }
  }
});

test('selection: some, all but some, and nothing of another query', () => {
  let selection = toggle(NOTHING, 'a');
  selection = add(selection, ['b', 'c']);
  expect(sizeOf(selection)).toBe(3);
  expect(sizeOf(toggle(selection, 'a'))).toBe(2);
  expect(sizeOf(NOTHING)).toBe(0);
  let all = everything('?Stage=x', 218_431);
  all = toggle(all, 'a');
  expect([sizeOf(all), isSelected(all, 'a'), isSelected(all, 'b')]).toEqual([218_430, false, true]);
  expect(sizeOf(add(all, ['a']))).toBe(218_431);
  expect(afterQueryChange(all, '?Stage=y')).toBe(NOTHING);
  expect(afterQueryChange(all, '?Stage=x')).toBe(all);
  expect(rowName('k', 'A')).not.toBe(rowName('k', 'B'));
});

test('columns of every type: a name first, none twice, one takes what is left', () => {
  for (const type of Object.values(TYPES)) {
    const names = defaultColumns(type);
    expect(new Set(names).size, type.prefix).toBe(names.length);
    expect(columnsOf(type, '').filter((column) => column.width === 0).length, type.prefix).toBeGreaterThan(0);
    expect(type.fields.filter((field) => field.secret && names.includes(field.name)), type.prefix).toEqual([]);
  }
});

test('columns in the address', () => {
  expect(parseColumns('Name,OS.Name:120,Params.a:b:90')).toEqual([{ name: 'Name' }, { name: 'OS.Name', width: 120 }, { name: 'Params.a:b', width: 90 }]);
  expect(formatColumns(parseColumns('Name,Stage:200'))).toBe('Name,Stage:200');
  expect(moved([1, 2, 3], 0, 1)).toEqual([2, 1, 3]);
  expect(moved([1, 2, 3], 0, -1)).toEqual([1, 2, 3]);
});

test.each([
  [null, ''], [undefined, ''], [false, 'no'], [0, '0'], ['', ''], [['a', 'b'], 'a, b'], [{}, ''], [{ a: 1 }, '1 entry'],
  ['2026-11-30T13:00:00.123Z', '2026-11-30 13:00:00'], ['0001-01-01T00:00:00Z', ''],
])('cell %j', (value, text) => {
  expect(cellText(value)).toBe(text);
});

test.each([
  ['Name', 100, 1, 220],
  ['Name', 400, 1, 400],
  ['Name', 1500, 1, 560],
  ['Name', 1500, 2, 1120],
  ['Description', 1500, 1, 1500],
] as const)('of %s, %i px that are left, text %i times as large: %i px', (name, left, scale, width) => expect(flexibleWidth({ name }, left, scale)).toBe(width));
