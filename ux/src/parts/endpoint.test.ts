import { expect, test } from 'vitest';
import { agesWith, ageText, arrange, causesOf, changedCertificate, clockText, complianceOf, endpointOf, fingerprintGroups, flatten, pruned, routeOf, shownCertificate, spelledFingerprint, stateOf, tally, treeRows, type Connection, type Endpoint } from './endpoint';

const A64 = 'a'.repeat(64);
const B64 = 'b'.repeat(64);

function made(id: string, manager: string, status = 'Connected', more: Record<string, unknown> = {}): Endpoint {
  return endpointOf({ Id: id, Endpoint: manager, ConnectionStatus: status, ...more });
}

test.each([
  ['Connected', 'touch', 'in touch', false],
  ['Updating', 'updating', 'catching up', false],
  ['Connecting', 'connecting', 'connecting', false],
  ['Lost: connect: timed out', 'dark', 'dark', false],
  [`Error: certificate fingerprint changed: expected ${A64}, got ${B64}`, 'certificate', 'certificate changed', true],
  ['Error: login refused', 'login', 'login refused', true],
  ['Error: is B, not A', 'error', 'error', true],
  ['Disabled', 'off', 'not followed', false],
  ['', 'off', 'not followed', false],
] as const)('%s is a state in words', (status, touch, word, person) => {
  const state = stateOf(made('A', 'M1', status));
  expect([state.touch, state.word, state.person, state.cause]).toEqual([touch, word, person, 'A']);
});

test('what its own manager said long ago does not count behind one that is dark', () => {
  const r = made('R2', 'M1', 'Lost: timed out');
  const state = stateOf(made('C', 'R2', `Error: certificate fingerprint changed: expected ${A64}, got ${B64}`), [r]);
  expect(state).toMatchObject({ touch: 'behind', word: 'behind R2', why: 'timed out', cause: 'R2', person: false });
});

test.each([
  [{}, 'unset', 'no sets'],
  [{ VersionSets: ['base'] }, 'declared', 'as declared'],
  [{ VersionSet: 'base' }, 'declared', 'as declared'],
  [{ VersionSets: ['base'], Actions: [{}, {}], Apply: true }, 'todo', '2 to do'],
  [{ VersionSets: ['base'], Actions: [{}, {}] }, 'todo', '2 to do, not applied'],
  [{ VersionSets: ['base'], Errors: ['no such item'] }, 'unplanned', 'cannot be planned'],
  [{ VersionSets: ['base'], Errors: ['Pref p: no'], ActionErrorCount: 3 }, 'stopped', 'stopped, 3 failed'],
  [{ VersionSets: ['base'], VersionSetsDisabled: true }, 'unmanaged', 'not managed'],
] as const)('%o', (more, id, word) => {
  expect(complianceOf(made('A', 'M1', 'Connected', more as Record<string, unknown>))).toMatchObject({ id, word });
});

const FLEET = [
  made('R1', 'M1'), made('R2', 'M1', 'Lost: timed out'), made('A', 'R1'), made('B', 'R1', 'Lost: refused'), made('C', 'R2'), made('D', 'R2', 'Error: login refused'), made('E10', 'M1'), made('E2', 'M1'),
];

test('the tree: sorted as people count, rolled up, worst child first', () => {
  const roots = arrange(FLEET, 'M1');
  expect(roots.map((node) => node.endpoint.id)).toEqual(['E2', 'E10', 'R1', 'R2']);
  const r1 = roots[2]!;
  expect([r1.below, r1.belowOut, r1.worst?.endpoint.id]).toEqual([2, 1, 'B']);
  expect(flatten(roots).find((node) => node.endpoint.id === 'D')?.state.word).toBe('behind R2');
});

test('two ways to one endpoint: the one that is in touch counts; cycles end', () => {
  const roots = arrange([made('R1', 'M1', 'Lost: x'), made('R2', 'M1'), made('A', 'R1'), made('A', 'R2'), made('M1', 'R2'), made('R2', 'A')], 'M1');
  const a = flatten(roots).find((node) => node.endpoint.id === 'A')!;
  expect([a.endpoint.manager, a.state.touch]).toEqual(['R2', 'touch']);
  expect(flatten(roots).length).toBe(3);
});

test('dark since it was heard last, not since the last try', () => {
  const nodes = flatten(arrange(FLEET, 'M1', (id) => (id === 'R2' ? '2026-11-30T02:55:00Z' : undefined)));
  expect(nodes.filter((node) => node.state.since !== '').map((node) => node.endpoint.id)).toEqual(['R2', 'C', 'D']);
});

test('causes collapse effects: one entry for all that is behind', () => {
  expect(causesOf(arrange(FLEET, 'M1')).map(({ node, below }) => [node.endpoint.id, below])).toEqual([['R2', 2], ['B', 0]]);
});

test('rows: folded nodes hide theirs, very many children are cut and said', () => {
  const roots = arrange(FLEET, 'M1');
  expect(treeRows(roots, () => false, 100).length).toBe(4);
  expect(treeRows(roots, () => true, 100).length).toBe(8);
  const cut = treeRows(roots, () => true, 1);
  expect(cut).toMatchObject([{ kind: 'node', size: 4 }, { kind: 'rest', manager: 'M1', count: 3 }]);
});

test('pruning keeps the managers above what fits', () => {
  const left = pruned(arrange(FLEET, 'M1'), (node) => node.endpoint.id === 'B');
  expect(flatten(left).map((node) => node.endpoint.id)).toEqual(['R1', 'B']);
});

test('the way to an endpoint breaks at one hop, and behind it nobody knows', () => {
  const nodes = flatten(arrange(FLEET, 'M1'));
  const find = (id: string) => nodes.find((node) => node.endpoint.id === id);
  expect(routeOf('C', 'M1', find).map(({ id, state, why }) => [id, state, why])).toEqual([['M1', 'ok', ''], ['R2', 'broken', 'timed out'], ['C', 'unknown', '']]);
  expect(routeOf('A', 'M1', find).map(({ state }) => state)).toEqual(['ok', 'ok', 'ok']);
  expect(routeOf('nobody', 'M1', find).at(-1)?.state).toBe('unknown');
});

test('fingerprints: read from the refusal, compared in groups, pasted in any spelling', () => {
  const refusal = `https://a: certificate fingerprint changed: expected ${A64}, got ${B64}`;
  expect(shownCertificate([refusal])).toBe(B64);
  expect(changedCertificate({ reason: refusal })).toEqual({ known: A64, shown: B64 });
  expect(shownCertificate(['connect: refused'])).toBeUndefined();
  expect(fingerprintGroups('0123456789')).toEqual(['0123', '4567', '89']);
  expect(spelledFingerprint('SHA256 Fingerprint=AB:CD:\n01')).toBe('abcd01');
});

test('tally: most first', () => {
  expect(tally(['a', 'b', 'b'])).toEqual([['b', 2], ['a', 1]]);
});

test('an age behind a manager that tells none is a lower bound', () => {
  const way = { Endpoint: 'A', InTouch: true, Reason: '', NextHop: 'B', Hops: ['B'], StandBy: null, Age: 1.26 };
  expect(ageText(way)).toBe('1.3 s');
  expect(ageText({ ...way, Lag: 4 })).toBe('1.3 s, 4 commits behind');
  expect(ageText({ ...way, AgeUntoldBy: 'B' })).toBe('at least 1.3 s: B does not tell how old its own copy is');
  expect(ageText({ ...way, InTouch: false })).toBe('');
  expect(ageText(undefined)).toBe('');
});

test('ages are kept for a while, of those that are in touch and there', () => {
  const way = (Endpoint: string, Age: number | undefined, InTouch = true): Connection => ({ Endpoint, InTouch, Reason: '', NextHop: '', Hops: null, StandBy: null, ...(Age === undefined ? {} : { Age }) });
  let ages = agesWith(new Map(), [way('A', 0.24), way('B', 1), way('C', undefined), way('D', 9, false)]);
  expect([...ages]).toEqual([['A', [0.2]], ['B', [1]]]);
  ages = agesWith(ages, [way('A', 0.31), way('B', 1, false)]);
  expect([...ages]).toEqual([['A', [0.2, 0.3]]]);
  for (let at = 0; at < 50; at++) ages = agesWith(ages, [way('A', at)]);
  expect([ages.get('A')!.length, ages.get('A')!.at(-1)]).toEqual([20, 49]);
});

test.each([
  [undefined, true, ''],
  [0, true, ''],
  [-1, true, ''],
  [1.6, true, '2 s ahead'],
  [-80.2, true, '80 s behind'],
  [80.2, false, ''],
] as const)('a clock %s s ahead, in touch: %s', (ahead, inTouch, words) => {
  expect(clockText({ Endpoint: 'A', InTouch: inTouch, Reason: '', NextHop: 'A', Hops: [], StandBy: [], ...(ahead === undefined ? {} : { ClockAhead: ahead }) })).toBe(words);
});
