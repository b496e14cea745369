import { expect, test } from 'vitest';
import { hrefOf, idOf, queryOf } from './view-names';

test.each([
  ['machines', '?Stage=local&sort=Name', 'machines?Stage=local&sort=Name', '/ux/machines?Stage=local&sort=Name'],
  ['o/profiles', '', 'profiles', '/ux/o/profiles'],
  ['version-sets', '?Name=Re(%5Ea)', 'version_sets?Name=Re(%5Ea)', '/ux/version-sets?Name=Re(%5Ea)'],
  ['failures', '?_since=6h&Task=x', 'failures?_since=6h&Task=x', '/ux/failures?_since=6h&Task=x'],
  ['machines', '?Stage=a&_open=web-1', 'machines?Stage=a', '/ux/machines?Stage=a'],
])('%s%s is kept as %s', (path, search, query, href) => {
  expect(queryOf(path, search)).toBe(query);
  expect(hrefOf(query)).toBe(href);
});

test.each([['//evil.example/x', '/ux/evil.example/x'], ['/\\evil', '/ux/evil'], ['javascript:alert(1)', '/ux/javascript:alert(1)']])('%s does not lead out', (query, href) => {
  expect(hrefOf(query)).toBe(href);
});

test.each([['Broken in rack 4!', 'broken-in-rack-4'], ['***', 'view']])('%s is %s', (title, id) => {
  expect(idOf(title)).toBe(id);
});
