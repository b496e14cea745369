import { expect, test } from 'vitest';
import { objectOf, placeOfFault, withIgnored, writtenOf } from './edit';

test('what is written of a set: neither what is empty nor what the server keeps', () => {
  const body = { Id: 'a', Description: '', Apply: false, Components: [{ Name: 'p', Version: 'stable', ActualVersion: '' }], Prefs: {}, Global: { x: false }, Validated: true, Errors: [], Componets: [1] };
  expect(writtenOf(body, ['Validated', 'Errors'])).toEqual({ Id: 'a', Apply: false, Components: [{ Name: 'p', Version: 'stable' }], Global: { x: false }, Componets: [1] });
});

test('what is taken out of the text becomes empty, what was never shown stays', () => {
  const stored = { Id: 'a', Apply: true, Prefs: { x: '1' }, Components: [1], Validated: true, Description: 'd', Files: [] };
  expect(objectOf(stored, { Id: 'a' }, { Id: 'a', Apply: true, Prefs: { x: '1' }, Components: [1], Description: 'd' })).toEqual({ Id: 'a', Apply: false, Prefs: {}, Components: [], Validated: true, Description: '', Files: [] });
  expect(objectOf({}, { Id: 'new' }, {})).toEqual({ Id: 'new' });
});

const TEXT = 'Id: spring\nPlugins:\n  - Name: ipmi\nComponents:\n  - Name: net-base\n    Version: ""\n  - Name: rack-tools\n    Type: Wrong\n';
test.each([
  ['Components[1]: unknown type word', 'Name: rack-tools'],
  ['Component `net-base` has no version', 'net-base'],
  ['unknown type "Wrong"', 'Wrong'],
  ['Plugins[0]: no provider', 'Name: ipmi'],
])('%s is about %s', (message, at) => expect(TEXT.slice(placeOfFault(TEXT, message)).startsWith(at)).toBe(true));

test('what names nothing of the text has no place', () => expect(placeOfFault(TEXT, 'no no no')).toBeUndefined());

test('ignoring replaces what was said of it', () => {
  expect(withIgnored({ Components: [{ Name: 'a', Version: 'v1' }, { Name: 'b', Version: 'v1' }] }, 'a', 'ContentPackage')).toEqual({ Components: [{ Name: 'b', Version: 'v1' }, { Name: 'a', Type: 'ContentPackage', Version: 'ignore' }] });
  expect(withIgnored({ Components: null }, 'a', 'PluginProvider')).toEqual({ Components: [{ Name: 'a', Type: 'PluginProvider', Version: 'ignore' }] });
});
