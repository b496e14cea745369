import { expect, test } from 'vitest';
import type { LiveEvent } from '../../live/protocol';
import { byObject, MOST_EVENTS, patternOf, patternsOf, Stream, whoOf } from './stream';

const event = (key: string, action = 'update'): LiveEvent => ({ Time: '2026-11-30T14:00:00Z', Type: 'machines', Action: action, Key: key, Principal: 'user:ann', Object: {}, Original: {} });
const keys = (stream: Stream) => stream.lines.map((line) => (line.kind === 'event' ? line.event.Key : line.kind));

test('newest first, bounded, everything counted', () => {
  const stream = new Stream();
  stream.add([event('a'), event('b')], 0);
  stream.add([event('c')], 0);
  expect(keys(stream)).toEqual(['c', 'b', 'a']);
  stream.add(Array.from({ length: MOST_EVENTS + 5 }, (_, at) => event(`x${at}`)), 7);
  expect([stream.lines.length, stream.seen]).toEqual([MOST_EVENTS, MOST_EVENTS + 15]);
  expect(keys(stream)[0]).toBe(`x${MOST_EVENTS + 4}`);
});

test('while paused what comes waits, in order, and no more than is kept', () => {
  const stream = new Stream();
  stream.add([event('a')], 0);
  stream.pause(true);
  stream.add([event('b'), event('c')], 0);
  expect([keys(stream), stream.waiting]).toEqual([['a'], 2]);
  stream.pause(false);
  expect([keys(stream), stream.waiting]).toEqual([['c', 'b', 'a'], 0]);
  stream.pause(true);
  stream.add(Array.from({ length: 3 * MOST_EVENTS }, (_, at) => event(String(at))), 0);
  expect(stream.waiting).toBe(MOST_EVENTS);
});

test('what was not kept and when nothing was heard are lines of their own', () => {
  const stream = new Stream();
  stream.add([event('a')], 3);
  stream.gap('t1', 't2');
  expect(keys(stream)).toEqual(['gap', 'a', 'dropped']);
});

test('one line for each object', () => {
  const stream = new Stream();
  stream.add([event('a', 'create'), event('b'), event('a'), event('a')], 0);
  expect(byObject(stream.lines).map(({ key, count, actions }) => [key, count, actions])).toEqual([['a', 3, ['update', 'create']], ['b', 1, ['update']]]);
});

test.each([
  ['machines', 'machines.*.*'],
  ['machines.update', 'machines.update.*'],
  ['machines.update.', 'machines.update.*'],
  ['.create', '*.create.*'],
  ['files.save.a.b.txt', 'files.save.a.b.txt'],
  ['two words', ''],
  ['', ''],
])('%j means %j', (text, pattern) => {
  expect(patternOf(text)).toBe(pattern);
});

test('patterns of the address', () => {
  expect(patternsOf('')).toEqual(['*.*.*']);
  expect(patternsOf('machines  jobs.update machines')).toEqual(['machines.*.*', 'jobs.update.*']);
  expect([whoOf('user:ann'), whoOf(''), whoOf('machine:x')]).toEqual(['ann', 'the server', 'machine:x']);
});
