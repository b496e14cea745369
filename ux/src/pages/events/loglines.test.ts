import { expect, test } from 'vitest';
import { fits, requestOf } from './loglines';

const line = (Level: string, Message: string) => ({ Seq: 1, Time: '', Level, Service: 'api', Message, Principal: '' });

test.each([
  ['POST /api/v3/prefs status=201 ms=3.6 principal=user:x id=653065745e06cb06', '653065745e06cb06'],
  ['ready id=site-a version=v0.1.0', ''],
  ['', ''],
])('%s is about request %j', (message, id) => {
  expect(requestOf(message)).toBe(id);
});

test.each([
  ['warn', { level: 'info', text: '', trace: '' }, true],
  ['debug', { level: 'info', text: '', trace: '' }, false],
  ['audit', { level: 'error', text: '', trace: '' }, true],
  ['info', { level: '', text: 'DISK', trace: '' }, true],
  ['info', { level: '', text: 'api', trace: '' }, true],
  ['info', { level: '', text: 'net', trace: '' }, false],
  ['info', { level: '', text: '', trace: 'abc' }, false],
])('a line of level %s with %j: %s', (level, wanted, yes) => {
  expect(fits(line(level, 'disk is full'), wanted)).toBe(yes);
});
