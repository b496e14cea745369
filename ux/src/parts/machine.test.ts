import { expect, test } from 'vitest';
import { machineState, stepOf, taskAt } from './machine';

const TASKS = ['stage:a', 'prepare', 'network-config', 'stage:b', 'finish'];

test.each([
  [{}, 'ok', 'runnable', ''],
  [{ Available: false, Errors: ['Stage x does not exist'] }, 'failed', 'not available', 'Stage x does not exist'],
  [{ Locked: true }, 'paused', 'locked', ''],
  [{ Runnable: false }, 'paused', 'not runnable', ''],
  [{ Runnable: false, Tasks: TASKS, CurrentTask: 2, Workflow: 'install' }, 'paused', 'stopped before network-config', 'step 2 of 3 of install'],
  [{ Runnable: false, JobState: 'failed', Tasks: TASKS, CurrentTask: 2, Workflow: 'install' }, 'failed', 'failed in network-config', 'step 2 of 3 of install'],
  [{ JobState: 'running', Tasks: TASKS, CurrentTask: 4 }, 'working', 'running finish', 'step 3 of 3'],
  [{ JobState: 'created', Tasks: TASKS, CurrentTask: 1 }, 'working', 'starting prepare', 'step 1 of 3'],
  [{ JobState: 'incomplete', Tasks: TASKS, CurrentTask: 1 }, 'waiting', 'waiting in prepare', 'step 1 of 3'],
  [{ Workflow: 'install', WorkflowComplete: true, Tasks: TASKS, CurrentTask: 5, JobState: 'finished' }, 'ok', 'complete', 'install'],
  [{ Tasks: TASKS, CurrentTask: -1, Workflow: 'install', WorkflowComplete: false }, 'waiting', 'waiting for its agent', ''],
  [{ Tasks: TASKS, CurrentTask: 5, JobState: 'finished' }, 'ok', 'runnable', ''],
  [{ JobState: 'failed', Locked: true }, 'failed', 'failed', ''],
] as const)('%o', (body, kind, word, why) => {
  expect(machineState(body as Record<string, unknown>)).toMatchObject({ kind, word, why });
});

test('what fits the state is offered, and nothing else', () => {
  expect(machineState({ JobState: 'failed' }).can).toContain('retry');
  expect(machineState({ JobState: 'running' }).can).toEqual(['pause']);
  expect(machineState({ Runnable: false }).can).toContain('resume');
  expect(machineState({ Available: false }).can).toEqual([]);
});

test('the pointer: before, at and behind the list', () => {
  expect(taskAt({ Tasks: TASKS, CurrentTask: -1 })).toBe('');
  expect(taskAt({ Tasks: TASKS, CurrentTask: 4 })).toBe('finish');
  expect(taskAt({ Tasks: TASKS, CurrentTask: 3 })).toBe('finish');
  expect(taskAt({ Tasks: TASKS, CurrentTask: 5 })).toBe('');
  expect(stepOf({ Tasks: TASKS, CurrentTask: -1 })).toEqual({ at: 0, of: 3 });
});
