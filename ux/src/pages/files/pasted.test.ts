import { expect, test } from 'vitest';
import { holdsLogin, nameOf, pastedUrl } from './pasted';

test.each([
  ['https://mirror.example/isos/debian-12.iso', 'debian-12.iso'],
  ['  http://mirror.example/a.tgz?token=1#top\n', 'a.tgz'],
  ['HTTPS://mirror.example/with%20space.iso', 'with space.iso'],
  ['https://mirror.example/a%2Fb', 'a_b'],
  ['https://mirror.example/%ff.bin', '%ff.bin'],
  ['https://mirror.example/folder/', 'NAME'],
  ['https://mirror.example', 'NAME'],
])('%s is a file called %s', (text, name) => {
  const url = pastedUrl(text);
  expect(url && nameOf(url)).toBe(name);
  expect(url && holdsLogin(url)).toBe(false);
});

test.each(['', 'debian.iso', 'see https://mirror.example/a.iso', 'https://mirror.example/a b', 'ftp://mirror.example/a', 'javascript:alert(1)', 'https://', 'https://[x'])('%s is no URL of a file', (text) => {
  expect(pastedUrl(text)).toBeUndefined();
});

test.each(['https://me:word@mirror.example/a', 'https://me@mirror.example/a', 'https://:word@mirror.example/a'])('%s holds a login', (text) => {
  const url = pastedUrl(text);
  expect(url && holdsLogin(url)).toBe(true);
});
