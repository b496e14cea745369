import { expect, test } from 'vitest';
import { tasksOf, timelineOf, type HistoryEntry, type Job } from './timeline';

const JOB: Job = { Uuid: 'j', Task: 'network-config', Stage: 'base', State: 'failed', StartTime: '2026-11-30T03:00:00Z', EndTime: '2026-11-30T03:02:00Z' };
const change = (Time: string, Changes: HistoryEntry['Changes'], Action = 'save'): HistoryEntry => ({ Time, Action, By: 'bob', Changes });

test('jobs, changes and gaps in one order, the newest first', () => {
  const entries = timelineOf([JOB], [change('2026-11-30T03:01:00Z', [{ Path: '/Stage', From: 'a', To: 'b' }]), change('2026-11-30T01:00:00Z', [], 'create')], { since: '2026-11-30T03:05:00Z', why: 'R2 is dark' });
  expect(entries.map(({ title }) => title)).toEqual(['nothing is known since', 'network-config failed', 'Stage is b', 'created']);
  expect(entries[1]).toMatchObject({ detail: 'stage base, took 2 min', kind: 'failed', job: 'j' });
  expect(entries[2]).toMatchObject({ detail: 'Stage was a', by: 'bob' });
});

test('what only says who and when is no entry; unknown members are named', () => {
  expect(timelineOf([], [change('2026-11-30T03:01:00Z', [{ Path: '/LastModifiedAt', To: 'x' }])])).toEqual([]);
  expect(timelineOf([], [change('2026-11-30T03:01:00Z', [{ Path: '/Params/a', To: 1 }, { Path: '/Params/b', To: 2 }])])[0]?.title).toBe('changed Params');
  expect(timelineOf([], [change('2026-11-30T03:01:00Z', [{ Path: '/Stage', To: '' }, { Path: '/Meta/x', To: 2 }])])[0]).toMatchObject({ title: 'Stage is nothing', detail: 'Stage was nothing; also Meta/x' });
});

test('a job without times stands where it was made', () => {
  const entries = timelineOf([{ ...JOB, Task: '', State: 'running', StartTime: '0001-01-01T00:00:00Z', EndTime: '0001-01-01T00:00:00Z', CreatedAt: '2026-11-30T02:00:00Z' }], []);
  expect(entries).toMatchObject([{ time: '2026-11-30T02:00:00Z', title: 'a job running', kind: 'working' }]);
});

test('the list of tasks knows its pointer, and the newest job of each', () => {
  const tasks = tasksOf(['stage:base', 'network-config', 'finish'], 1, [{ ...JOB, StartTime: '2026-11-30T02:00:00Z', Uuid: 'old' }, JOB]);
  expect(tasks.map(({ isTask, here, past }) => [isTask, here, past])).toEqual([[false, false, true], [true, true, false], [true, false, false]]);
  expect(tasks[1]?.job?.Uuid).toBe('j');
});
