import { expect, test } from 'vitest';
import { fieldAtFault, noAnswer, parseUnreachable, problemFrom } from './errors';
import { outcomeOfAnswer, outcomeOfProblem } from './outcome';

const headers = (entries: Record<string, string> = {}) => new Headers(entries);
const body = (messages: string[]) => JSON.stringify({ Model: 'machines', Key: 'k', Type: 'PATCH', Messages: messages, Code: 0 });

test('an answer is done, or on its way', () => {
  expect(outcomeOfAnswer(headers({ 'X-Mullion-Commit': 'A 1 2' }), 1)).toEqual({ kind: 'done', body: 1, commit: 'A 1 2' });
  expect(outcomeOfAnswer(headers({ 'X-Mullion-Pending': 'A' }), 1)).toMatchObject({ kind: 'pending', owner: 'A' });
});

test.each([
  [400, 'PATCH', {}, 'refused'],
  [403, 'DELETE', {}, 'refused'],
  [404, 'PATCH', {}, 'refused'],
  [409, 'PATCH', {}, 'conflict'],
  [409, 'POST', {}, 'refused'],
  [409, 'DELETE', {}, 'refused'],
  [412, 'PUT', {}, 'conflict'],
  [422, 'PATCH', {}, 'refused'],
  [423, 'PATCH', {}, 'refused'],
  [500, 'PATCH', {}, 'unknown'],
  [502, 'PATCH', {}, 'unknown'],
  [507, 'PATCH', {}, 'refused'],
  [503, 'PATCH', { 'X-Mullion-Unreachable': 'A;hop=R;since=2026-01-01T00:00:00Z;ran=no' }, 'unreachable'],
  [503, 'PATCH', { 'X-Mullion-Unreachable': 'A;hop=R;since=;ran=maybe' }, 'unknown'],
] as const)('%d of %s is %s', (status, method, extra, kind) => {
  expect(outcomeOfProblem(problemFrom(status, headers(extra), body(['why'])), method).kind).toBe(kind);
});

test('a connection that broke may have carried it out', () => {
  expect(outcomeOfProblem(noAnswer('reset'), 'POST').kind).toBe('unknown');
});

test('servers without the header say it in words', () => {
  expect(problemFrom(503, headers(), body(['A: cut; it may have been carried out'])).unreachable?.ran).toBe('maybe');
  expect(problemFrom(503, headers(), body(['A is not connected'])).unreachable?.ran).toBe('no');
});

test('what is no JSON still says something', () => {
  expect(problemFrom(502, headers(), '<html>').messages[0]).toContain('502');
  expect(problemFrom(404, headers({ 'X-Mullion-Error': 'Not Found; really' }), '').messages).toEqual(['Not Found', 'really']);
});

test('the way to an owner is read whole', () => {
  expect(parseUnreachable('C;hop=R2;since=2026-01-01T00:00:00Z;ran=no')).toEqual({ owner: 'C', hop: 'R2', since: '2026-01-01T00:00:00Z', ran: 'no' });
  expect(parseUnreachable('')).toBeUndefined();
});

test('the field at fault is found by pointer, then by name', () => {
  expect(fieldAtFault(problemFrom(409, headers(), body(['at /Stage: no'])), ['Name', 'Stage'])).toBe('Stage');
  expect(fieldAtFault(problemFrom(422, headers(), body(['Bootenv bar does not exist'])), ['Name', 'BootEnv'])).toBe('BootEnv');
  expect(fieldAtFault(problemFrom(422, headers(), body(['no idea'])), ['Name'])).toBeUndefined();
});
