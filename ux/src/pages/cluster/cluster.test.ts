import { expect, test } from 'vitest';
import { behindText, filesText, handOverTarget, handOverWhy, majorityText, removalWhy, rolesOf, upgradeWhy, type NodeInfo, type Upgrade } from './cluster';

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

const serving = { active: 'a', asked: 'a', safe: true };
test.each([
  ['may', three, 1, serving, ''],
  ['only member', [node('a')], 0, serving, 'It is the only member: there is nobody to hand over to'],
  ['nobody serves', three, 1, { ...serving, active: '' }, 'No member serves now: one takes over by itself as soon as a majority is up'],
  ['itself', three, 0, serving, 'It serves already'],
  ['observer', [...three, node('o', { Observer: true })], 3, serving, 'An observer votes and stores, and never serves'],
  ['away', [node('a'), node('b'), node('c'), node('d', { Offline: true })], 3, serving, 'It is not reached now'],
  ['majority', [node('a'), node('b'), node('c', { Offline: true })], 1, serving, '2 of 3 are up and 2 must stay; the one that hands over starts anew, and meanwhile 1 would be'],
  ['two', [node('a'), node('b')], 1, serving, '2 of 2 are up and 2 must stay; the one that hands over starts anew, and meanwhile 1 would be'],
  ['behind', [node('a', { LastArtifactCommitHandled: 1200 }), node('b', { LastArtifactCommitHandled: 100 }), node('c')], 1, serving, 'It is still catching up: 1100 behind'],
  ['a little behind', [node('a', { LastArtifactCommitHandled: 1200 }), node('b', { LastArtifactCommitHandled: 1199 }), node('c')], 1, serving, ''],
  ['unsafe', three, 1, { ...serving, safe: false }, 'No other member has everything yet: wait until it may fail over safely'],
  ['not said', three, 1, { ...serving, safe: undefined }, ''],
  ['another passive one is asked', three, 1, { ...serving, asked: 'c' }, 'A passive member answers this page, and can take the lead for itself only: open the page at the member that serves'],
  ['the passive one itself is asked', three, 1, { ...serving, asked: 'b' }, ''],
])('handing over: %s', (_, nodes, at, handing, why) => expect(handOverWhy(nodes, nodes[at]!, handing)).toBe(why));

test('whoever serves gives the lead away, a passive one asks for it', () => {
  expect(handOverTarget(three[1]!, serving)).toBe('system/passive?to=b');
  expect(handOverTarget(three[1]!, { ...serving, asked: 'b' })).toBe('system/active');
});

const idle: Upgrade = { State: 'none', Text: '' };
const away = [node('a'), node('b'), node('c', { Offline: true })];
test.each([
  ['may', three, idle, true, undefined, ''],
  ['one alone may', [node('a')], idle, false, undefined, ''],
  ['two may', [node('a'), node('b')], idle, true, undefined, ''],
  ['not said', three, undefined, true, undefined, 'The server does not say how upgrades stand'],
  ['under way', three, { ...idle, State: 'pending', To: 'v2' }, true, undefined, 'An upgrade to v2 is under way'],
  ['after a failure', three, { ...idle, State: 'rolled back' }, true, undefined, ''],
  ['somebody is away', away, idle, true, undefined, '1 of 3 is not reached now'],
  ['that one', away, idle, true, 2, 'It is not reached now'],
  ['another one', away, idle, true, 1, '2 of 3 are up and 2 must stay; while one restarts 1 would be'],
  ['an observer', [...away, node('o', { Observer: true })], idle, true, 3, ''],
  ['unsafe', three, idle, false, undefined, 'No other member has everything yet: wait until it may fail over safely'],
])('bringing to another version: %s', (_, nodes, upgrade, safe, at, why) => expect(upgradeWhy(nodes, upgrade, safe, at === undefined ? undefined : nodes[at])).toBe(why));

test.each([
  [{ LogBehind: 0, LastArtifactCommitHandled: 90 }, 'all here'],
  [{ LogBehind: 1200 }, '1,200 behind'],
  // of another make
  [{ LastArtifactCommitHandled: 90 }, '10 behind'],
  [{ LastArtifactCommitHandled: 100 }, 'all here'],
  // a member that does not lead is told of no other
  [{ LastArtifactCommitHandled: 0 }, 'not known here'],
] as const)('the log of %j is %s', (more, words) => expect(behindText(node('a', more), 100)).toBe(words));

test.each([[undefined, ''], [0, 'all here'], [2, '2 missing']] as const)('%s files missing: %s', (missing, words) => expect(filesText(node('a', missing === undefined ? {} : { FilesMissing: missing }))).toBe(words));
