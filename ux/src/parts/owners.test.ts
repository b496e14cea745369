import { expect, test } from 'vitest';
import { choicesOf, eachOnce, hiddenOwners, ownerOf, parseChoice } from './owners';

const all = [{ Id: 'A', Endpoint: 'R2' }, { Id: 'A' }, { Id: 'B', Endpoint: 'R2' }, { Id: 'C', Endpoint: 'R1' }, { Id: 'C', Endpoint: 'R2' }, { Id: 'D', Endpoint: 'M1' }];

test('this server’s own counts, else the first', () => {
  expect(eachOnce(all, 'M1').map((object) => `${ownerOf(object, 'M1')} ${object.Id}`)).toEqual(['M1 A', 'R2 B', 'R1 C', 'M1 D']);
  expect(eachOnce([], 'M1')).toEqual([]);
});

test('who is hidden', () => expect([...hiddenOwners(all, 'M1')]).toEqual([['A', ['R2']], ['C', ['R2']]]));

test('each is chosen by a word of its own', () => {
  expect(choicesOf(all, 'M1')).toEqual(['R2/A', 'A', 'B', 'C', 'R2/C', 'D']);
  expect(new Set(choicesOf(all, 'M1')).size).toBe(all.length);
});

test.each([['A', '', 'A'], ['R2/A', 'R2', 'A'], ['', '', '']])('%s is of %s: %s', (choice, owner, id) => expect(parseChoice(choice)).toEqual({ owner, id }));
