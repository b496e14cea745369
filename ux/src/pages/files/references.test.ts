import { expect, test } from 'vitest';
import { namingsBelow, namingsOf, sortedNames } from './references';

test('who names a file', () => {
  const namings = namingsOf(
    [{ Id: 's', Files: [{ Path: 'files/there', Source: 'self://files/tools/a.sh' }, { Path: 'files/x', Source: 'https://elsewhere/a' }] }, { Id: 't', Files: null }],
    [{ Name: 'debian', OS: { IsoFile: 'debian.iso', SupportedArchitectures: { amd64: { IsoFile: 'debian.iso' }, arm64: { IsoFile: 'debian-arm.iso' } } } }, { Name: 'none' }],
    [{ Id: 'a-v1', Source: 'http://m:8091/files/rebar-catalog/a/v1.json' }, { Id: 'b', Source: 'installed://contents/b' }],
  );
  expect(Object.fromEntries(namings)).toEqual({
    'files/tools/a.sh': [{ kind: 'version_sets', key: 's', how: 'puts it as files/there' }],
    'isos/debian.iso': [{ kind: 'bootenvs', key: 'debian', how: 'installs from it' }],
    'isos/debian-arm.iso': [{ kind: 'bootenvs', key: 'debian', how: 'installs from it' }],
    'files/rebar-catalog/a/v1.json': [{ kind: 'catalog_items', key: 'a-v1', how: 'is this file' }],
  });
  expect(namingsBelow('files/', namings)).toBe(2);
  expect(namingsBelow('files/tools/', namings)).toBe(1);
});

test('folders first, numbers as numbers', () => expect(sortedNames(['b10', 'b2', 'z/', 'a/', 'B1'])).toEqual(['a/', 'z/', 'B1', 'b2', 'b10']));
