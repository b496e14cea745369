/** What the facts about a machine mean, in words: one function for every page. */
import type { StateKind } from './state';

export interface MachineState {
  kind: StateKind;
  word: string;
  why: string;
  /** what fits it: pages offer these */
  can: ('retry' | 'skip' | 'pause' | 'resume' | 'restart')[];
}

/** Members that `machineState` reads: what a list asks for when it shows the state. */
export const STATE_MEMBERS = ['Runnable', 'Available', 'Locked', 'Errors', 'Tasks', 'CurrentTask', 'Workflow', 'WorkflowComplete', 'JobState', 'Stage'];

type Body = Record<string, unknown>;

/** The task that the pointer of a machine is at, or comes to; empty before the first and behind the last. */
export function taskAt(body: Body): string {
  const tasks = Array.isArray(body['Tasks']) ? (body['Tasks'] as unknown[]).map(String) : [];
  const current = Number(body['CurrentTask'] ?? -1);
  return current < 0 ? '' : (tasks.slice(current).find((entry) => !entry.includes(':')) ?? '');
}

/** Steps are tasks; entries like `stage:x` only say what comes. */
export function stepOf(body: Body): { at: number; of: number } {
  const tasks = Array.isArray(body['Tasks']) ? (body['Tasks'] as unknown[]).map(String) : [];
  const isTask = (entry: string) => !entry.includes(':');
  const current = Number(body['CurrentTask'] ?? -1);
  return { at: tasks.slice(0, Math.max(0, current + 1)).filter(isTask).length, of: tasks.filter(isTask).length };
}

/** `jobState` is asked for where the object does not say it. */
export function machineState(body: Body, jobState = String(body['JobState'] ?? '')): MachineState {
  const task = taskAt(body);
  const { at, of } = stepOf(body);
  const workflow = String(body['Workflow'] ?? '');
  const errors = Array.isArray(body['Errors']) ? (body['Errors'] as unknown[]).map(String) : [];
  const step = of > 0 && at > 0 ? `step ${at} of ${of}${workflow ? ` of ${workflow}` : ''}` : '';
  const runnable = body['Runnable'] !== false;
  if (jobState === 'failed') return { kind: 'failed', word: task ? `failed in ${task}` : 'failed', why: step, can: ['retry', 'skip', 'restart'] };
  if (body['Available'] === false) return { kind: 'failed', word: 'not available', why: errors[0] ?? '', can: [] };
  if (body['Locked'] === true) return { kind: 'paused', word: 'locked', why: '', can: [] };
  if (!runnable) return { kind: 'paused', word: task ? `stopped before ${task}` : 'not runnable', why: step, can: ['resume', 'restart'] };
  if (jobState === 'running') return { kind: 'working', word: task ? `running ${task}` : 'running', why: step, can: ['pause'] };
  if (jobState === 'created') return { kind: 'working', word: task ? `starting ${task}` : 'starting', why: step, can: ['pause'] };
  if (jobState === 'incomplete') return { kind: 'waiting', word: task ? `waiting in ${task}` : 'waiting', why: step, can: ['pause'] };
  if (workflow !== '' && body['WorkflowComplete'] === true) return { kind: 'ok', word: 'complete', why: workflow, can: ['pause', 'restart'] };
  const all = Array.isArray(body['Tasks']) ? body['Tasks'].length : 0;
  const left = all - Math.max(0, Number(body['CurrentTask'] ?? -1));
  if (all > 0 && left > 0 && Number(body['CurrentTask'] ?? -1) < all) return { kind: 'waiting', word: task ? `waiting for ${task}` : 'waiting for its agent', why: step, can: ['pause'] };
  return { kind: 'ok', word: 'runnable', why: '', can: ['pause'] };
}
