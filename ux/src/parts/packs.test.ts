import { expect, test } from 'vitest';
import type { CatalogItem } from '../api/types';
import { declarersOf, matrixOf, ownFileOf, packDiff, prerequisitesOf, runningOf } from './packs';

test('two versions of a pack differ by what people wrote, not by what servers keep', () => {
  const before = { meta: {}, sections: { params: { a: { Name: 'a', Schema: { type: 'string' }, Secure: false }, gone: { Name: 'gone' }, same: { Name: 'same', Available: true, Errors: ['x'] } }, old: { x: {} } } };
  const after = { meta: {}, sections: { params: { a: { Name: 'a', Schema: { type: 'integer' }, Description: 'd' }, same: { Name: 'same', Bundle: 'p', Meta: {} }, young: { Name: 'young' } } } };
  expect(packDiff(before, after)).toEqual([
    { section: 'old', key: 'x', how: 'removed', members: [], before: {}, after: {} },
    { section: 'params', key: 'a', how: 'changed', members: ['Description', 'Schema'], before: { Schema: { type: 'string' } }, after: { Schema: { type: 'integer' }, Description: 'd' } },
    { section: 'params', key: 'gone', how: 'removed', members: [], before: { Name: 'gone' }, after: {} },
    { section: 'params', key: 'young', how: 'added', members: [], before: {}, after: { Name: 'young' } },
  ]);
  const added = packDiff({ meta: {} }, { meta: {}, sections: { templates: { t: { ID: 't', Bundle: 'p', Available: true } }, texts: { x: 'plain' } } });
  expect(added.map((change) => change.after)).toEqual([{ ID: 't' }, { value: 'plain' }]);
  expect(packDiff({ meta: {} }, { meta: {} })).toEqual([]);
});

const item = (Name: string, Version: string, ActualVersion = Version, ContentType = 'ContentPackage') => ({ Name, Version, ActualVersion, ContentType, Source: '' }) as CatalogItem;
const items = [item('b', 'v1.0.0'), item('b', 'v1.10.0'), item('b', 'stable', 'v1.10.0'), item('b', 'v1.2.0'), item('drp', 'v4.1.0', 'v4.1.0', 'DRP'), item('a', 'v1.0.0', 'v1.0.0', 'PluginProvider')];
const endpoints = [{ Id: 'e1', DRPVersion: 'v4.1.0', Components: [{ Name: 'b', Version: 'v1.2.0' }] }, { Id: 'e2', DRPVersion: 'v4.0.0', Components: [{ Name: 'b', Version: 'stable', ActualVersion: 'v1.2.0' }, { Name: 'b2', Version: 'v1' }] }];

test('versions newest first, with who runs them', () => {
  expect(matrixOf(items, endpoints).map((row) => [row.type, row.name, row.cells.map((cell) => `${cell.version}${cell.words.length > 0 ? ` ${cell.words.join()}` : ''}: ${cell.runs.length}`), row.elsewhere])).toEqual([
    ['ContentPackage', 'b', ['v1.10.0 stable: 0', 'v1.2.0: 2', 'v1.0.0: 0'], []],
    ['PluginProvider', 'a', ['v1.0.0: 0'], []],
    ['DRP', 'drp', ['v4.1.0: 1'], [{ version: 'v4.0.0', endpoints: ['e2'] }]],
  ]);
  expect(runningOf('b', 'ContentPackage', endpoints).get('v1.2.0')).toEqual(['e1', 'e2']);
  expect(matrixOf([], endpoints)).toEqual([]);
});

test('sets that declare it, and what they mean today', () => {
  expect(declarersOf('b', 'ContentPackage', [{ Id: 's1', Components: [{ Name: 'b', Version: 'stable' }] }, { Id: 's2', Components: [{ Name: 'b', Version: 'v9' }] }, { Id: 's3' }], items)).toEqual([{ set: 's1', word: 'stable', version: 'v1.10.0' }, { set: 's2', word: 'v9', version: 'in no catalog' }]);
  expect(declarersOf('drp', 'DRP', [{ Id: 's1', DRPVersion: 'v4.1.0' }], items)).toEqual([{ set: 's1', word: 'v4.1.0', version: 'v4.1.0' }]);
});

test('prerequisites', () => {
  expect(prerequisitesOf({ Meta: { Prerequisites: 'net-base: >=1.0.0, BasicStore' } })).toEqual([{ name: 'net-base', wanted: '>=1.0.0' }, { name: 'BasicStore', wanted: '' }]);
  expect(prerequisitesOf({})).toEqual([]);
});

test.each([['http://m:8091/files/rebar-catalog/a/v1.json', 'files/rebar-catalog/a/v1.json'], ['self://files/travelled/m1/a.json', 'files/travelled/m1/a.json'], ['https://elsewhere/a.json', ''], ['installed://contents/a', '']])('%s is %j here', (Source, path) => expect(ownFileOf({ Source })).toBe(path));
