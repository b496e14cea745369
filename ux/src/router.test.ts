import { expect, test } from 'vitest';
import { listHref, match, objectHref, resolve, ROUTES } from './router';

test.each([
  ['machines/:key', 'machines/a%2Fb', { key: 'a/b' }],
  ['machines/:key', 'machines/first.machine', { key: 'first.machine' }],
  ['files/*path', 'files/a/b%20c', { path: 'a/b c' }],
  ['machines', 'machines/', {}],
  ['', '', {}],
  ['machines/:key', 'machines', undefined],
  ['machines', 'machines/a', undefined],
  ['machines/:key', 'machines/%', undefined],
])('%s of %s', (pattern, path, params) => {
  expect(match(pattern, path)).toEqual(params);
});

test('what is written is found again', () => {
  for (const [prefix, key] of [['machines', 'a b/c?#%'], ['profiles', 'global'], ['version_sets', 'x'], ['widgets', '日本']] as const) {
    const path = new URL(objectHref(prefix, key, 'A&B'), 'https://x').pathname.slice('/ux/'.length);
    const found = resolve(path);
    expect(found?.params['key']).toBe(key);
  }
  expect(listHref('profiles')).toBe('/ux/o/profiles');
});

test('fixed words win over arguments', () => {
  expect(resolve('endpoints/join')?.route.path).toBe('endpoints/join');
  expect(resolve('version-sets/compare')?.route.path).toBe('version-sets/compare');
  expect(resolve('nowhere')).toBeUndefined();
});

test('no route hides another', () => {
  for (const route of ROUTES) {
    const example = route.path.replace(/[:*]\w+/g, 'zz');
    expect(resolve(example)?.route).toBe(route);
  }
});
