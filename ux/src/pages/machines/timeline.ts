/** What happened to a machine, newest first: jobs, changes with who made them, and gaps of which nothing is known. */
import type { StateKind } from '../../parts/state';
import { stateOfWord } from '../../parts/state';
import { duration } from '../../text/en';

export interface Job {
  Uuid: string;
  Task: string;
  Stage: string;
  State: string;
  StartTime: string;
  EndTime: string;
  CreatedAt?: string;
  CurrentIndex?: number;
  Workflow?: string;
}

export interface HistoryEntry {
  Time: string;
  Action: string;
  By: string;
  Changes: { Path: string; From?: unknown; To?: unknown }[] | null;
  More?: boolean;
}

export interface Entry {
  time: string;
  kind: StateKind;
  title: string;
  detail: string;
  by: string;
  /** the job it is about */
  job?: string;
}

const NOBODY = new Set(['', 'LastModifiedAt', 'LastModifiedBy']);
const shown = (value: unknown): string => (value === undefined || value === null || value === '' ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value));
const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
const isTime = (text: string | undefined): text is string => text !== undefined && text !== '' && !text.startsWith('0001-');

/** Fields whose change is what people look for; others are named only. */
const TOLD = new Set(['Stage', 'Workflow', 'BootEnv', 'Runnable', 'Locked', 'Pool', 'PoolStatus', 'Description', 'Name', 'Address', 'Context']);

function changeEntry(entry: HistoryEntry): Entry | undefined {
  const changes = (entry.Changes ?? []).filter(({ Path }) => !NOBODY.has(Path.slice(1)));
  if (entry.Action === 'create') return { time: entry.Time, kind: 'ok', title: 'created', detail: '', by: entry.By };
  if (changes.length === 0) return undefined;
  const told = changes.filter(({ Path }) => TOLD.has(Path.slice(1)));
  const others = changes.filter((change) => !told.includes(change)).map(({ Path }) => Path.slice(1));
  const title = told.length > 0 ? told.map(({ Path, To }) => `${Path.slice(1)} is ${short(shown(To))}`).join(', ') : `changed ${[...new Set(others.map((name) => name.split('/')[0]!))].slice(0, 4).join(', ')}`;
  const from = told.map(({ Path, From }) => `${Path.slice(1)} was ${short(shown(From))}`).join(', ');
  const rest = told.length > 0 && others.length > 0 ? `also ${others.slice(0, 4).join(', ')}${others.length > 4 ? ` and ${others.length - 4} more` : ''}` : '';
  return { time: entry.Time, kind: 'off', title, detail: [from, rest].filter(Boolean).join('; '), by: entry.By };
}

function jobEntry(job: Job): Entry {
  const begun = isTime(job.StartTime) ? job.StartTime : (job.CreatedAt ?? '');
  const took = isTime(job.EndTime) && isTime(job.StartTime) ? `took ${duration((Date.parse(job.EndTime) - Date.parse(job.StartTime)) / 1000)}` : '';
  const what = job.Task || 'a job';
  return { time: isTime(job.EndTime) ? job.EndTime : begun, kind: stateOfWord(job.State) ?? 'off', title: `${what} ${job.State}`, detail: [job.Stage && `stage ${job.Stage}`, took].filter(Boolean).join(', '), by: '', job: job.Uuid };
}

/** `gap`: since when nothing is heard of the owner. */
export function timelineOf(jobs: readonly Job[], history: readonly HistoryEntry[], gap?: { since: string; why: string }): Entry[] {
  const entries = [...jobs.map(jobEntry), ...history.flatMap((entry) => changeEntry(entry) ?? [])].filter((entry) => entry.time !== '');
  if (gap) entries.push({ time: gap.since, kind: 'dark', title: 'nothing is known since', detail: gap.why, by: '' });
  return entries.sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
}

/** The list of tasks with the newest job of each place. */
export function tasksOf(tasks: readonly string[], current: number, jobs: readonly Job[]): { entry: string; isTask: boolean; at: number; here: boolean; past: boolean; job: Job | undefined }[] {
  return tasks.map((entry, at) => {
    const isTask = !/^(stage|bootenv|action|chroot|context):/.test(entry);
    const of = isTask ? jobs.filter((job) => job.Task === entry && (job.CurrentIndex === undefined || job.CurrentIndex === 0 || job.CurrentIndex === at)) : [];
    const job = [...of].sort((a, b) => Date.parse(b.StartTime) - Date.parse(a.StartTime))[0];
    return { entry, isTask, at, here: at === current, past: at < current, job };
  });
}
