import { expect, test } from 'vitest';
import { comparable, piecesOf, tokensOf, type Piece } from './tokens';

const marked = (pieces: readonly Piece[]) => pieces.map(({ text, changed }) => (changed ? `[${text}]` : text)).join('');

test.each([
  ['v4.8.2', 'v4.9.0', '[v4.8.2]', '[v4.9.0]'],
  ['timeout: 30 s', 'timeout: 45 s', 'timeout: [30] s', 'timeout: [45] s'],
  ['["a","b"]', '["a","c","b"]', '["a","b"]', '["a","[c","]b"]'],
  ['one two three', 'one 2 drei', 'one [two three]', 'one [2 drei]'],
  ['[\n "a",\n "b"\n]', '[\n "a",\n "c",\n "b"\n]', '[\n "a",\n "b"\n]', '[\n "a",[\n "c",]\n "b"\n]'],
  ['', 'new', '', '[new]'],
  ['gone', '', '[gone]', ''],
  ['same', 'same', 'same', 'same'],
  ['größe 1', 'größe 2', 'größe [1]', 'größe [2]'],
])('%j, then %j', (before, after, left, right) => {
  const pieces = piecesOf(before, after);
  expect([marked(pieces.before), marked(pieces.after)]).toEqual([left, right]);
});

test('nothing of either text is lost, whatever it is', () => {
  let seed = 7;
  const random = (most: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
  const text = () => Array.from({ length: random(30) }, () => ['a', 'b', ' ', '\n', '"', '{', 'ä', '𝄞', '1.2'][random(9)]).join('');
  for (let round = 0; round < 500; round++) {
    const [before, after] = [text(), text()];
    const pieces = piecesOf(before, after);
    expect(pieces.before.map((piece) => piece.text).join('')).toBe(before);
    expect(pieces.after.map((piece) => piece.text).join('')).toBe(after);
    // What is not marked is the same on both sides, but for blanks inside of a change.
    const kept = (list: readonly Piece[]) => list.filter((piece) => !piece.changed).map((piece) => piece.text).join('').replace(/\s/g, '');
    expect(kept(pieces.before)).toBe(kept(pieces.after));
    expect(tokensOf(before).join('')).toBe(before);
  }
});

test('two long texts are not compared word by word, but their ends are', () => {
  const long = (word: string) => Array.from({ length: 2000 }, (_, at) => `${word}${at}`).join(' ');
  const pieces = piecesOf(`begin ${long('a')} end`, `begin ${long('b')} end`);
  expect([pieces.before.length, pieces.before[0]!.changed, pieces.before[1]!.changed, pieces.before[2]!.text]).toEqual([3, false, true, ' end']);
});

test.each([[undefined, ''], ['text', 'text'], [3, '3'], [{ a: 1 }, '{"a":1}'], [{ long: 'x'.repeat(60) }, `{\n "long": "${'x'.repeat(60)}"\n}`]])('%j is compared as %j', (value, text) => expect(comparable(value)).toBe(text));
