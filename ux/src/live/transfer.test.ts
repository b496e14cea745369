import { expect, test } from 'vitest';
import { noAnswer } from '../api/errors';
import { adviceFor, announcementOf, isMoving, mayCancel, progressText, steadyRate, stepped, waiting, type Mark, type Step, type Transfer } from './transfer';

const MB = 1024 * 1024;
const sent = (bytes: number, total = 20 * MB): Step => ({ kind: 'sent', sent: bytes, total });
const begin: Step = { kind: 'begin', from: 0 };

/** One step a second. */
function run(...steps: Step[]): Transfer {
  return steps.reduce((transfer, step, at) => stepped(transfer, step, 1000 * at), waiting(20 * MB));
}
/** So many megabytes each second. */
const going = (...each: number[]): Transfer => run(begin, ...each.map((_, at) => sent(each.slice(0, at + 1).reduce((sum, one) => sum + one) * MB)));

test('it waits, is sent, is judged after the last byte, and ends', () => {
  expect(run().phase).toBe('waiting');
  expect(run(begin).phase).toBe('sending');
  expect(run(begin, sent(20 * MB - 1)).phase).toBe('sending');
  const judged = run(begin, sent(MB), sent(20 * MB));
  expect([judged.phase, judged.since]).toEqual(['judging', 2000]);
  expect(run(begin, sent(20 * MB), { kind: 'end', phase: 'comparing' }, { kind: 'end', phase: 'done' }).phase).toBe('done');
  expect(stepped(waiting(0), begin, 0).phase).toBe('judging');
});

test('what is told late changes no end, and a body that is sent once more begins again', () => {
  expect(run(begin, sent(MB), { kind: 'end', phase: 'cancelled' }, sent(2 * MB))).toMatchObject({ phase: 'cancelled', sent: MB });
  expect(run(begin, sent(20 * MB), sent(MB))).toMatchObject({ phase: 'sending', sent: MB, marks: [{ at: 2000, sent: MB }] });
  expect(run(begin, sent(MB, 3 * MB))).toMatchObject({ total: 3 * MB });
});

test('it may be cancelled before the last byte, and is under way until an end', () => {
  expect([run(), run(begin), run(begin, sent(20 * MB)), run(begin, { kind: 'end', phase: 'failed' })].map((one) => [mayCancel(one), isMoving(one)])).toEqual([[true, true], [true, true], [false, true], [false, false]]);
});

test.each([
  ['too few', [[0, 0], [1000, 10]], undefined],
  ['steady', [[0, 0], [1000, 100], [2000, 210], [3000, 300]], 100],
  ['of varying speed', [[0, 0], [1000, 100], [2000, 900], [3000, 2000]], undefined],
  ['that stand', [[0, 50], [1000, 50], [2000, 50]], undefined],
  ['none', [], undefined],
] as [string, [number, number][], number | undefined][])('a rate of marks: %s', (_, marks, rate) => expect(steadyRate(marks.map(([at, bytes]): Mark => ({ at, sent: bytes })))).toBe(rate));

test('marks are of the last ten seconds, and four a second', () => {
  const transfer = Array.from({ length: 1000 }, (_, at) => at).reduce((before, at) => stepped(before, sent(at), 50 * at), stepped(waiting(20 * MB), begin, 0));
  expect(transfer.marks.length).toBeLessThanOrEqual(42);
  expect(transfer.marks[0]!.at).toBeGreaterThanOrEqual(39_000);
});

test('bytes of all bytes, and what is left once the rate is steady', () => {
  expect(progressText(run(), 0)).toBe('');
  expect(progressText(going(1), 1000)).toBe('1.0 MB of 20 MB');
  expect(progressText(going(1, 1, 1), 3000)).toBe('3.0 MB of 20 MB, 1.0 MB/s, about 17 s left');
  expect(progressText(going(1, 1, 1), 10_000)).toBe('3.0 MB of 20 MB, nothing was sent for 7 s');
  expect(progressText(going(10, 10), 5000)).toBe('');
  expect(progressText(stepped(going(3), { kind: 'end', phase: 'paused' }, 9000), 9000)).toBe('3.0 MB of 20 MB');
});

test('a screen reader hears the start, quarters and ends, and nothing in between', () => {
  const steps: Step[] = [begin, ...[1, 2, 4, 5, 6, 9, 16, 19, 20].map((many) => sent(many * MB)), { kind: 'end', phase: 'comparing' }, { kind: 'end', phase: 'done' }];
  const heard: string[] = [];
  steps.reduce((before, step, at) => {
    const after = stepped(before, step, 1000 * at);
    heard.push(announcementOf('a.iso', before, after));
    return after;
  }, waiting(20 * MB));
  expect(heard.filter((text) => text !== '')).toEqual(['a.iso: sending 20 MB', 'a.iso: 25 % sent', 'a.iso: 75 % sent', 'a.iso: sent; the server is checking it', 'a.iso: uploaded, checksums are equal']);
});

test('what to do about a failure', () => {
  const problem = (status: number) => ({ ...noAnswer('x'), status });
  const half = going(10);
  expect(adviceFor(problem(0), half, true)).toMatch(/keeps what it has/);
  expect(adviceFor(problem(0), half, false)).toMatch(/Send it again/);
  expect(adviceFor(problem(0), going(20), false)).toBe('');
  expect([409, 413, 503, 507, 500, 400].map((status) => adviceFor(problem(status), half, true).split(' ')[0])).toEqual(['Wait', 'It', 'Try', 'Its', 'The', '']);
  expect(adviceFor(problem(409), half, false)).toBe('');
});
