import { expect, test } from 'vitest';
import { joined, nextPiece, resumeAt } from './pieces';

test.each([
  [0, 10, 4, 'bytes 0-3/10'], [4, 10, 4, 'bytes 4-7/10'], [8, 10, 4, 'bytes 8-9/10'], [10, 10, 4, undefined], [0, 0, 4, ''], [0, 4, 4, 'bytes 0-3/4'],
])('behind %i of %i', (offset, size, most, range) => expect(nextPiece(offset, size, most)?.range).toBe(range));

test.each([[null, 10, 0], ['0', 10, 0], ['4', 10, 4], ['10', 10, 10], ['11', 10, 'other'], ['x', 10, 0]] as const)('offset %s of %i bytes goes on at %s', (header, size, at) => expect(resumeAt(header, size)).toBe(at));

test.each([['', 'a', 'a'], ['a/b/', 'c', 'a/b/c'], ['a', '../x', 'a/x'], ['a//b', './c', 'a/b/c']])('%s and %s', (folder, name, path) => expect(joined(folder, name)).toBe(path));
