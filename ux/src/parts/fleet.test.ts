import { expect, test } from 'vitest';
import type { EndpointPlan, FleetPlanGroup, PlanLine } from '../api/types';
import { compareGroups, deletionsOf, groupPlans, inShort, letterOf, lineText, staleFacts, summaryOf, targetsText, whatOf } from './fleet';

const line = (more: Partial<PlanLine>): PlanLine => ({ Type: 'ContentPackage', Name: 'a', Version: 'stable', ActualVersion: 'v1.1', Action: 'AddOrUpdate', Value: null, Set: 's', Shadows: [], Current: '', Bytes: 10, Restarts: false, After: [], Number: 0, ...more }) as PlanLine;
const plan = (Endpoint: string, Actions: PlanLine[], more: Partial<EndpointPlan> = {}): EndpointPlan => ({ Endpoint, VersionSets: [], Apply: true, State: 'idle', ConfiguredBy: '', NextAttempt: '', Actions, Deletions: [], Problems: [], Bytes: 10, Restarts: false, ...more });

test.each([[0, 'A'], [25, 'Z'], [26, 'AA'], [27, 'AB'], [51, 'AZ'], [52, 'BA'], [701, 'ZZ'], [702, 'AAA']])('row %i is %s', (index, letter) => expect(letterOf(index)).toBe(letter));

test.each([
  [{}, 'install', 'a', '', 'v1.1'],
  [{ Current: 'v1.0' }, 'upgrade', 'a', 'v1.0', 'v1.1'],
  [{ Action: 'Delete', Current: 'v1.0' }, 'remove', 'a', 'v1.0', ''],
  [{ Type: 'Pref', Name: 'p', Value: 'x', Current: 'y' }, 'set', 'p', 'y', 'x'],
  [{ Type: 'Global', Name: 'g', Value: { a: 1 } }, 'set', 'g', '', '{"a":1}'],
  [{ Type: 'DRP', Name: 'DRP', ActualVersion: 'v2', Current: 'v1' }, 'upgrade', 'server', 'v1', 'v2'],
  [{ Type: 'File', Name: 'files/x' }, 'put', 'files/x', '', ''],
  [{ Type: 'Plugin', Name: 'ipmi' }, 'install', 'ipmi', '', ''],
  [{ Type: 'Plugin', Name: 'ipmi', Current: '{}' }, 'change', 'ipmi', '', ''],
])('%j is %s %s %s %s', (more, verb, name, now, then) => expect(lineText(line(more as Partial<PlanLine>))).toMatchObject({ verb, name, now, then }));

test.each([
  [{}, 'content pack a'],
  [{ Type: 'Pref', Name: 'logLevel' }, 'preference logLevel'],
  [{ Type: 'DRP', Name: 'DRP' }, 'server version'],
  [{ Type: 'DRPUX', Name: 'DRPUX' }, 'interface version'],
])('%j is about %s', (more, what) => expect(whatOf(lineText(line(more as Partial<PlanLine>)))).toBe(what));

test('long values are cut beside others', () => expect([inShort('x'.repeat(40)).length, inShort('x'.repeat(41))]).toEqual([40, `${'x'.repeat(39)}…`]));

test('equal plans are one row, largest first; reasons are gathered', () => {
  const fleet = groupPlans(['s'], [plan('e1', [line({})]), plan('e2', [line({ Current: 'v0' })]), plan('e3', [line({})]), plan('e4', [line({})], { Problems: ['no item'] })], [{ endpoint: 'e5', reason: 'dark' }, { endpoint: 'e6', reason: 'dark' }], 'now');
  expect(fleet.Groups.map((group) => group.Endpoints)).toEqual([['e1', 'e3'], ['e2'], ['e4']]);
  expect(fleet.Problems).toEqual([{ Reason: 'dark', Count: 2, Endpoints: ['e5', 'e6'] }]);
  expect(fleet.Count).toBe(6);
  expect(groupPlans([], [], [], '').Groups).toEqual([]);
});

const group = (Count: number, Actions: PlanLine[], Deletions: PlanLine[] = [], more: Partial<FleetPlanGroup> = {}): FleetPlanGroup => ({ Count, Endpoints: [], Actions, Deletions, Problems: [], Bytes: 5, Restarts: false, Links: [], OldestFacts: 0, ...more });

test('a row in short', () => {
  expect(summaryOf(group(2, [line({})], [], { Links: [{ From: 'm', To: 'a', Bytes: 3, Artifacts: 1 }, { From: 'm', To: 'b', Bytes: 4, Artifacts: 1 }] }), 1)).toEqual({ letter: 'B', actions: '1 action', perEndpoint: 5, onLinks: 7, links: 2, nothing: false, cannot: false });
  expect(summaryOf(group(2, []), 0)).toMatchObject({ nothing: true, cannot: false });
  expect(summaryOf(group(2, [], [], { Problems: ['x'] }), 0)).toMatchObject({ nothing: false, cannot: true });
});

test('two rows compared', () => {
  const same = line({ Name: 'same' });
  expect(compareGroups(group(1, [same, line({})]), group(1, [same, line({ Current: 'v0' })], [line({ Name: 'gone', Action: 'Delete', Current: 'v3' })]))).toEqual([
    { kind: 'pack', name: 'a', a: 'install v1.1', b: 'upgrade v0 → v1.1' },
    { kind: 'pack', name: 'gone', a: '', b: 'remove v3' },
  ]);
  expect(compareGroups(group(1, [same]), group(9, [same]))).toEqual([]);
});

test('what is lost, and by how many', () => {
  const gone = line({ Name: 'gone', Action: 'Delete' });
  expect(deletionsOf([group(3, [], [gone, line({ Name: 'rare', Action: 'Delete' })]), group(4, [], [gone])])).toEqual([{ name: 'gone', kind: 'pack', endpoints: 7 }, { name: 'rare', kind: 'pack', endpoints: 3 }]);
});

test('stale facts, oldest first', () => {
  expect(staleFacts({ ...groupPlans([], [], [], ''), FactsAges: { a: 20, b: 0.3, c: 700 } }, 15)).toEqual([{ endpoint: 'c', age: 700 }, { endpoint: 'a', age: 20 }]);
});

test('targets as one query', () => expect(targetsText([['DRPVersion', 'Lt(v4)'], ['Apply', 'true']])).toBe('DRPVersion=Lt(v4)&Apply=true'));
