import { expect, test } from 'vitest';
import { majorityText, removalWhy, rolesOf, type NodeInfo } from './cluster';

const node = (ConsensusID: string, more: NodeInfo = {}): NodeInfo => ({ ConsensusID, ...more });
const three = [node('a'), node('b'), node('c')];

test('roles', () => {
  expect(rolesOf(three, 'b')).toEqual(['follower', 'leader', 'follower']);
  expect(rolesOf([node('a')], 'a')).toEqual(['alone']);
  expect(rolesOf([node('a'), node('b', { Observer: true }), node('c', { Offline: true })], 'a')).toEqual(['leader', 'observer', 'offline']);
});

test.each([
  [three, '2 of 3 must stay; 3 are up, so 1 may be lost'],
  [[node('a')], '1 of 1 must stay; 1 is up, so none may be lost'],
  [[node('a'), node('b'), node('c', { Offline: true })], '2 of 3 must stay; 2 are up, so none may be lost'],
  [[node('a'), node('b', { Offline: true }), node('c', { Offline: true })], '2 of 3 must stay; 1 is up, which is 1 too few: nothing can be written'],
  [[...three, node('o', { Observer: true })], '2 of 3 must stay; 3 are up, so 1 may be lost'],
])('the majority of %#', (nodes, text) => expect(majorityText(nodes)).toBe(text));

test.each([
  [[node('a')], 0, 'It is the only member: 1 of 1 must stay'],
  [three, 2, ''],
  [[node('a'), node('b'), node('c', { Offline: true })], 2, ''],
  [[node('a'), node('b'), node('c', { Offline: true })], 0, '2 of 3 are up and 2 must stay; without it 1 of 2 would be, and 2 are needed'],
  [[node('a'), node('o', { Observer: true })], 1, ''],
])('removing one of %#', (nodes, at, why) => expect(removalWhy(nodes as NodeInfo[], (nodes as NodeInfo[])[at as number]!)).toBe(why));
