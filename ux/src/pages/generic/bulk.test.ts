import { expect, test } from 'vitest';
import type { Selection } from '../../grid/selection';
import { bulkOf, commandOf, commandsIn, countsOf, csvOf, drifted, missing, mustType, newId, operationOf, selectionOf, type Preview, type Wanted } from './bulk';

const WANTED: Wanted = { kind: 'set', name: 'Stage', value: 'local', concurrency: 8, stopAfter: 0, first: 0, leaveOut: [] };
const SOME: Selection = { kind: 'some', keys: new Set(['A\nk1', 'B\nk2', 'k3']) };
const QUERY: Selection = { kind: 'query', filter: '', except: new Set(['A\nk1']), count: 11 };
const PAIRS: [string, string][] = [['Endpoint', 'In(A,B)'], ['Available', 'false']];

test.each([
  ['set', { Kind: 'set', Fields: { Stage: 'local' } }],
  ['set-params', { Kind: 'set-params', Params: { Stage: 'local' } }],
  ['remove-params', { Kind: 'remove-params', Names: ['Stage'] }],
  ['add-profiles', { Kind: 'add-profiles', Names: ['Stage'] }],
  ['action', { Kind: 'action', Action: 'Stage' }],
  ['delete', { Kind: 'delete' }],
] as const)('%s', (kind, wanted) => {
  expect(operationOf({ ...WANTED, kind })).toEqual(wanted);
});

test('what is selected: rows by owner and key, or the query without its exceptions', () => {
  expect(selectionOf('machines', SOME, PAIRS, [])).toEqual({ Type: 'machines', Keys: ['/A/k1', '/B/k2', 'k3'] });
  expect(selectionOf('machines', SOME, PAIRS, ['B'])).toEqual({ Type: 'machines', Keys: ['/A/k1', 'k3'] });
  expect(selectionOf('machines', QUERY, PAIRS, [])).toEqual({ Type: 'machines', Filter: 'Endpoint=In(A,B)&Available=false', Except: ['/A/k1'] });
  expect(selectionOf('machines', QUERY, PAIRS, ['C'])['Filter']).toBe('Endpoint=In(A,B)&Available=false&Endpoint=Nin(C)');
});

test('a false value is a value', () => {
  expect(missing({ ...WANTED, value: undefined })).toBe('Give it a value');
  expect(missing({ ...WANTED, name: 'Locked', value: false })).toBe('');
  expect(bulkOf('x', 'machines', SOME, [], { ...WANTED, name: 'Locked', value: false })['What']).toEqual({ Kind: 'set', Fields: { Locked: false } });
});

test('the same as a command', () => {
  expect(commandOf('machines', QUERY, PAIRS, { ...WANTED, first: 5, stopAfter: 3 })).toBe("mullion bulk run machines 'Endpoint=In(A,B)' Available=false --set Stage=local --except /A/k1 --stop-after 3 --first 5");
  expect(commandOf('machines', SOME, [], { ...WANTED, kind: 'delete' })).toBe("mullion bulk run machines 'Key=In(k1,k2,k3)' --delete");
});

const owner = (Endpoint: string, Count: number) => ({ Endpoint, Count, InTouch: true, Judged: Count, WouldChange: Count, AlreadySo: 0, Locked: 0, NotAllowed: 0, Gone: 0 });
const preview = (...owners: ReturnType<typeof owner>[]): Preview => ({ ...owner('', owners.reduce((sum, { Count }) => sum + Count, 0)), Owners: owners });

test.each([
  [preview(owner('A', 5)), {}, new Map([['A', 1000]]), ''],
  [preview(owner('A', 101)), {}, new Map(), 'It is more than 100.'],
  [preview(owner('A', 90)), {}, new Map([['A', 500]]), 'It is 18 % of those of A.'],
  [preview(owner('A', 2)), {}, new Map([['A', 4]]), ''],
  [preview(owner('A', 1)), { kind: 'delete' }, new Map(), 'It deletes.'],
  [preview(owner('A', 1)), { name: 'Workflow' }, new Map(), 'It starts a workflow.'],
] as const)('typing the number: %#', (seen, more, totals, why) => {
  expect(mustType(seen as Preview, { ...WANTED, ...(more as Partial<Wanted>) }, totals as ReadonlyMap<string, number>)).toBe(why);
});

test('a selection that is another number by now is said', () => {
  expect(drifted(preview(owner('A', 10)), QUERY, [])).toBe(false);
  expect(drifted(preview(owner('A', 12)), QUERY, [])).toBe(true);
  expect(drifted(preview(owner('A', 3)), QUERY, ['B'])).toBe(false);
});

test('ids sort by time', () => {
  expect(newId(new Date('2026-11-30T03:07:09Z'), () => 0)).toBe('change-20261130-030709-0000');
});

test('a run: counts by word, and the commands that fit', () => {
  expect(countsOf({ Done: 3, AlreadySo: 2, NotAllowed: 1 }).filter(({ count }) => count > 0)).toEqual([{ outcome: 'done', count: 3 }, { outcome: 'already so', count: 2 }, { outcome: 'not allowed', count: 1 }]);
  expect(commandsIn('running', {})).toEqual(['pause', 'stop']);
  expect(commandsIn('asking', {})).toContain('continue');
  expect(commandsIn('done', {})).toEqual([]);
  expect(commandsIn('failed', { Refused: 7 })).toEqual(['retry']);
  expect(commandsIn('failed', { Unknown: 7 })).toEqual([]);
});

test('CSV: quotes, and no formulas', () => {
  expect(csvOf([{ Number: 0, Endpoint: 'A', Key: '=cmd()', Outcome: 'refused', Message: 'a "b", c' }])).toBe('Endpoint,Key,Outcome,Message\r\nA,\'=cmd(),refused,"a ""b"", c"\r\n');
});
