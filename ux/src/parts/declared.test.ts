import { describe, expect, test } from 'vitest';
import type { CatalogItem } from '../api/types';
import { compareSides, compareVersions, complianceOf, countsByKind, declarationsOf, endpointsOfSet, expectedOf, mergedDeclarations, originOf, resolveVersion, sourceWord, useOfSet, versionsOf, type Declares, type EndpointFacts } from './declared';

const item = (Name: string, Version: string, ActualVersion = Version, Source = 'http://m1/files/rebar-catalog/x') => ({ Name, Version, ActualVersion, Source }) as CatalogItem;
const SET = {
  DRPVersion: 'v4.15.0',
  Components: [{ Name: 'a', Type: 'ContentPackage', Version: 'stable' }, { Name: 'b', Type: 'PP', Version: 'v1' }, { Name: 'c', Version: 'ignore' }],
  Plugins: [{ Name: 'p', Provider: 'ipmi', Params: { x: 1 } }],
  Files: [{ Path: 'files/a', Source: 'self://files/a', Sha256Sum: '' }],
  Prefs: { defaultStage: 'none' },
  Global: { size: 8, flag: false },
};

test('what a set declares, by kind', () => {
  expect(countsByKind(SET).map(({ kind, count }) => `${kind} ${count}`)).toEqual(['server 1', 'pack 2', 'provider 1', 'plugin 1', 'file 1', 'pref 1', 'global 2']);
  expect(countsByKind({ Components: null, Prefs: null })).toEqual([]);
});

test('an endpoint shows what it really has', () => {
  expect(declarationsOf({ Components: [{ Name: 'a', Version: 'stable', ActualVersion: 'v1.2' }] }, true)).toEqual([{ kind: 'pack', name: 'a', value: 'v1.2' }]);
});

test('of several sets the first counts, and says what it shadows', () => {
  const merged = mergedDeclarations([{ id: 'one', set: { Prefs: { a: '1' } } }, { id: 'two', set: { Prefs: { a: '2', b: '3' } } }, { id: 'three', set: { Prefs: { a: '4' } } }]);
  expect(merged.map(({ name, value, by, shadows }) => [name, value, by, shadows])).toEqual([['a', '1', 'one', ['two', 'three']], ['b', '3', 'two', []]]);
});

describe('versions', () => {
  test.each([
    ['v1.2.0', 'v1.10.0', -1], ['v1.2', 'v1.2.0', 0], ['1.2.0', 'v1.2.0', 0], ['v2.0.0', 'v2.0.0-rc.1', 1], ['v1.0.0-tip.9', 'v1.0.0-tip.10', -1],
    ['v1.0.0-alpha', 'v1.0.0-alpha.1', -1], ['v1.0.0-1', 'v1.0.0-a', -1], ['v1.0.0+b1', 'v1.0.0+b2', 0], ['v1.0.0-a', 'v1.0.0-b', -1],
  ])('%s against %s', (a, b, expected) => {
    expect(Math.sign(compareVersions(a, b))).toBe(expected);
    expect(Math.sign(compareVersions(b, a))).toBe(expected === 0 ? 0 : -expected);
  });

  const items = [item('a', 'stable', 'v1.1.0'), item('a', 'v1.1.0'), item('a', 'v1.0.0'), item('a', 'tip', 'v1.2.0-tip.1'), item('b', 'v3', 'v3', 'installed://contents/b')];
  test.each([
    ['a', 'stable', 'v1.1.0', 'the highest released version in the catalog of this server'],
    ['a', 'tip', 'v1.2.0-tip.1', 'the newest development build in the catalog of this server'],
    ['a', 'v1.0.0', 'v1.0.0', 'from the catalog of this server'],
    ['b', 'v3', 'v3', 'from what is installed here'],
  ])('%s %s is %s: %s', (name, word, version, why) => expect(resolveVersion(name, word, items)).toMatchObject({ kind: 'item', version, why }));

  test('what nobody has says what there is', () => {
    expect(resolveVersion('a', 'v9', items)).toEqual({ kind: 'missing', known: ['v1.2.0-tip.1', 'v1.1.0', 'v1.0.0'] });
    expect(resolveVersion('nothing', 'stable', items)).toEqual({ kind: 'missing', known: [] });
    expect(resolveVersion('a', 'ignore', items)).toEqual({ kind: 'ignored' });
  });

  test('newest first, each once', () => expect(versionsOf(items.slice(0, 4))).toEqual(['v1.2.0-tip.1', 'v1.1.0', 'v1.0.0']));

  test.each([
    ['http://cat.example:8091/x', 'the catalog at cat.example:8091'], ['self://files/x', 'the catalog of this server'], ['http://a/files/travelled/m1/x', 'what travelled here'], ['', 'the catalog'],
  ])('%j is %s', (Source, word) => expect(sourceWord({ Source })).toBe(word));
});

test('sides are compared by what they say', () => {
  const rows = compareSides([
    { label: 'has', declarations: [{ kind: 'pack', name: 'a', value: 'v1' }, { kind: 'pref', name: 'p', value: '1' }, { kind: 'global', name: 'g', value: { x: [1] } }] },
    { label: 'wants', declarations: [{ kind: 'global', name: 'g', value: { x: [1] } }, { kind: 'pack', name: 'b', value: 'v1' }, { kind: 'pref', name: 'p', value: '2' }] },
  ]);
  expect(rows.map((row) => [row.kind, row.name, row.values, row.equal, row.deleted])).toEqual([
    ['pack', 'a', ['v1', undefined], false, true],
    ['pack', 'b', [undefined, 'v1'], false, false],
    ['pref', 'p', ['1', '2'], false, false],
    ['global', 'g', [{ x: [1] }, { x: [1] }], true, false],
  ]);
  expect(compareSides([])).toEqual([]);
  const stays = compareSides([{ label: 'is', declarations: [{ kind: 'pref', name: 'p', value: '1' }, { kind: 'pack', name: 'a', value: 'v1' }] }, { label: 'declared', declarations: [], partial: true }]);
  expect(stays.map((row) => [row.name, row.equal, row.deleted]), 'a preference that no set declares stays; a pack goes').toEqual([['a', false, true], ['p', true, false]]);
});

test.each([
  [{ VersionSets: [] }, 'unmanaged'],
  [{ VersionSets: ['a'], VersionSetsDisabled: true }, 'unmanaged'],
  [{ VersionSets: ['a'] }, 'declared'],
  [{ VersionSet: 'a', Actions: [1] }, 'behind'],
  [{ VersionSets: ['a'], Actions: [1], ActionErrorCount: 1 }, 'stopped'],
  [{ VersionSets: ['a'], Errors: ['no item'] }, 'stopped'],
] as const)('%j is %s', (facts, state) => expect(complianceOf({ Id: 'e', ...facts } as never)).toBe(state));

test('who has a set, and how they stand', () => {
  const endpoints = [
    { Id: 'e1', VersionSets: ['a', 'b'], ConnectionStatus: 'Connected' }, { Id: 'e2', VersionSet: 'a', Actions: [1], ConnectionStatus: 'Lost: timed out' },
    { Id: 'e3', VersionSets: ['a'], Errors: ['x'], ConnectionStatus: 'Updating' }, { Id: 'e4', VersionSets: ['b'] },
  ];
  expect(useOfSet(endpointsOfSet({ Id: 'a' }, endpoints, [], 'M1'))).toEqual({ declared: ['e1'], behind: ['e2'], stopped: ['e3'], dark: ['e2'], total: 3 });
  expect(useOfSet(endpointsOfSet({ Id: 'none' }, endpoints, [], 'M1')).total).toBe(0);
});

test('a set is meant by the endpoints of those who have it from its owner, not by those who have another one of this name', () => {
  const endpoints = ['M1', 'R1', 'R2', 'R3'].map((owner) => ({ Id: `e-${owner}`, Endpoint: owner, VersionSets: ['base'] }));
  const sets = [{ Id: 'base' }, { Id: 'base', Endpoint: 'R1' }, { Id: 'base', Endpoint: 'R2', Meta: { 'mullion/from': 'M1' } }, { Id: 'other', Endpoint: 'R3' }];
  const of = (Endpoint: string) => endpointsOfSet({ Id: 'base', Endpoint }, endpoints, sets, 'M1').map((endpoint) => endpoint.Id);
  expect(of('M1')).toEqual(['e-M1', 'e-R2', 'e-R3']);
  expect(of('R1')).toEqual(['e-R1']);
  expect(of('R2')).toEqual(['e-R2']);
});

test.each([
  [{ Meta: { 'mullion/from': 'M1' } }, 'travelled from M1'], [{ Bundle: 'net-base' }, 'pack net-base'], [{ Endpoint: 'm1' }, 'here'], [{}, 'here'], [{ Endpoint: 'R2' }, 'R2'],
])('%j comes from %s', (set, origin) => expect(originOf(set, 'm1')).toBe(origin));

describe('what a change of a set is expected to do', () => {
  const endpoints: (EndpointFacts & Declares)[] = [
    { Id: 'e1', VersionSets: ['s', 'base'], Components: [{ Name: 'a', Version: 'v1.0.0', Type: 'ContentPackage' }], Prefs: { p: '1' } },
    { Id: 'e2', VersionSets: ['s', 'base'], Components: [{ Name: 'a', Version: 'v1.0.0', Type: 'ContentPackage' }], Prefs: { p: '1' } },
    { Id: 'e3', VersionSets: ['s'], Components: [{ Name: 'a', Version: 'v1.1.0', Type: 'ContentPackage' }, { Name: 'old', Version: 'v3', Type: 'ContentPackage' }], Prefs: {} },
    { Id: 'e4', VersionSets: ['base'] },
  ];
  const sets = new Map([['base', { Prefs: { p: '2' } }]]);
  const items = [item('a', 'stable', 'v1.1.0')];

  test('grouped by what it comes to', () => {
    expect(expectedOf('s', { Components: [{ Name: 'a', Version: 'stable' }] }, endpoints, sets, items)).toEqual([
      { endpoints: ['e1', 'e2'], changes: ['content pack a: v1.0.0 → v1.1.0', 'preference p: 1 → 2'], undeclared: [] },
      { endpoints: ['e3'], changes: [], undeclared: ['old'] },
    ]);
  });

  test('what is in no catalog says so, what is ignored stays', () => {
    const [group] = expectedOf('s', { Components: [{ Name: 'b', Version: 'v9' }, { Name: 'a', Version: 'ignore' }] }, [endpoints[0]!], new Map(), items);
    expect(group).toEqual({ endpoints: ['e1'], changes: ['content pack b: v9 (in no catalog)'], undeclared: [] });
  });
});
