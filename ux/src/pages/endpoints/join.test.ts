import { expect, test } from 'vitest';
import { noAnswer } from '../../api/errors';
import { command, faultsOf, fieldOf, probed, spelledUrl, type Address } from './join';

test.each([
  ['site-a', 'https://site-a:8092'], ['site-a:9000', 'https://site-a:9000'], ['https://site-a/', 'https://site-a:8092'], ['https://[::1]', 'https://[::1]:8092'], ['[::1]:81', 'https://[::1]:81'], ['  ', ''],
])('%s', (typed, wanted) => {
  expect(spelledUrl(typed)).toBe(wanted);
});

const GOOD: Address = { url: 'site-a', username: 'm', password: 'p', fingerprint: '' };

test.each([
  [{}, {}],
  [{ url: '' }, { url: /where it is/ }],
  [{ url: 'http://a' }, { url: /Only https/ }],
  [{ url: 'https://u:p@a' }, { url: /No login/ }],
  [{ url: 'https://a:1/x' }, { url: /Not an address|path/ }],
  [{ username: ' ' }, { username: /user/ }],
  [{ password: '' }, { password: /password/ }],
  [{ fingerprint: 'AB:CD' }, { fingerprint: /64/ }],
  [{ fingerprint: 'AB:'.repeat(31) + 'AB' }, {}],
] as const)('%o', (more, wanted) => {
  const faults = faultsOf({ ...GOOD, ...more });
  expect(Object.keys(faults)).toEqual(Object.keys(wanted));
  for (const [name, pattern] of Object.entries(wanted)) expect(faults[name as keyof Address]).toMatch(pattern);
});

test('the refusal of the probe is its answer; other refusals are problems', () => {
  const got = 'b'.repeat(64);
  expect(probed(noAnswer(`https://a: certificate fingerprint changed: expected ${'0'.repeat(64)}, got ${got}`))).toEqual({ kind: 'certificate', fingerprint: got });
  expect(probed(noAnswer('connect: Connection refused')).kind).toBe('problem');
});

test('a refusal leads to its field', () => {
  expect(fieldOf(noAnswer('login refused: wrong user name'))).toBe('password');
  expect(fieldOf(noAnswer('connect: Connection refused'))).toBe('url');
  expect(fieldOf(noAnswer('endpoint A is already known here'))).toBeUndefined();
});

test('the command holds no password', () => {
  expect(command({ ...GOOD, password: 'secret' })).toBe('mullion endpoints add https://site-a:8092 m --password -');
});
