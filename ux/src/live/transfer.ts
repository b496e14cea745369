/** An upload as people are told of it: how far it is, how fast, what the server does after the last byte. Pure. */
import type { Problem } from '../api/errors';
import { en } from '../text/en';

export type Phase = keyof typeof en.sending.phases;
/** Those that the bytes decide. */
type Moving = 'waiting' | 'sending' | 'judging';

export interface Mark {
  /** ms of the steady clock */
  at: number;
  sent: number;
}

export interface Transfer {
  phase: Phase;
  total: number;
  sent: number;
  /** when the phase began */
  since: number;
  /** how much was sent when, lately */
  marks: readonly Mark[];
}

export type Step = { kind: 'begin'; from: number } | { kind: 'sent'; sent: number; total: number } | { kind: 'end'; phase: Exclude<Phase, Moving> };

/** A rate is of the last seconds, and told once there are a few of them. */
const WINDOW_MS = 10_000;
const STEADY_MS = 2000;
const MARK_MS = 250;
/** halves of the window that differ by more say nothing about what is left */
const STEADY_FACTOR = 2;
/** for so long nothing may be sent before a person is told */
const STALL_MS = 5000;
const QUARTER = 25;

export function waiting(total: number): Transfer {
  return { phase: 'waiting', total, sent: 0, since: 0, marks: [] };
}

export function stepped(before: Transfer, step: Step, at: number): Transfer {
  if (step.kind === 'begin') return moved({ ...before, phase: 'sending', since: at, marks: [] }, step.from, at);
  if (step.kind === 'end') return { ...before, phase: step.phase, since: at, marks: [] };
  // Told late of what has ended meanwhile.
  if (before.phase !== 'sending' && before.phase !== 'judging') return before;
  return moved({ ...before, total: step.total }, step.sent, at);
}

/** A login that ended has the same body sent once more: then it is less than before. */
function moved(before: Transfer, sent: number, at: number): Transfer {
  const phase = sent >= before.total ? 'judging' : 'sending';
  const since = phase === before.phase ? before.since : at;
  return { phase, total: before.total, sent, since, marks: marked(sent < before.sent ? [] : before.marks, { at, sent }) };
}

function marked(marks: readonly Mark[], mark: Mark): readonly Mark[] {
  const last = marks.at(-1);
  if (last && mark.at - last.at < MARK_MS) return marks;
  return [...marks.filter((known) => mark.at - known.at <= WINDOW_MS), mark];
}

export const isMoving = ({ phase }: Transfer): boolean => phase === 'waiting' || phase === 'sending' || phase === 'judging' || phase === 'comparing';

/** After the last byte the server may have done it, whatever becomes of the connection. */
export const mayCancel = ({ phase }: Transfer): boolean => phase === 'waiting' || phase === 'sending';

const speed = (from: Mark, to: Mark): number => (1000 * (to.sent - from.sent)) / (to.at - from.at);

/** Bytes a second; undefined while they vary so much that it would say nothing. */
export function steadyRate(marks: readonly Mark[]): number | undefined {
  const [first, last] = [marks[0], marks.at(-1)];
  if (!first || !last || last.at - first.at < STEADY_MS) return undefined;
  const middle = marks.find((mark) => mark.at >= (first.at + last.at) / 2) ?? last;
  if (middle === last || middle === first) return undefined;
  const [before, after] = [speed(first, middle), speed(middle, last)];
  return Math.max(before, after) <= STEADY_FACTOR * Math.min(before, after) && after > 0 ? speed(first, last) : undefined;
}

/** What is said beside the phase: `3.2 MB of 20 MB, 1.5 MB/s, about 11 s left`. */
export function progressText(transfer: Transfer, now: number): string {
  const { phase, sent, total, marks } = transfer;
  const of = en.sending.of(sent, total);
  if (phase !== 'sending') return sent < total && phase !== 'waiting' ? of : '';
  const silent = now - (marks.at(-1)?.at ?? now);
  if (silent >= STALL_MS) return `${of}, ${en.sending.stalled(silent / 1000)}`;
  const rate = steadyRate(marks);
  return rate === undefined ? of : `${of}, ${en.sending.rate(rate)}, ${en.sending.left((total - sent) / rate)}`;
}

const quarterOf = ({ sent, total }: Transfer): number => (total === 0 ? 0 : Math.floor((100 * sent) / total / QUARTER) * QUARTER);

/** What a screen reader is told: the start, every quarter, and the ends; not each byte. Empty: nothing. */
export function announcementOf(name: string, before: Transfer, after: Transfer): string {
  if (after.phase === 'sending') {
    if (before.phase !== 'sending') return en.sending.begun(name, after.total);
    return quarterOf(after) > quarterOf(before) ? en.sending.percent(name, quarterOf(after)) : '';
  }
  return after.phase === before.phase || after.phase === 'waiting' || after.phase === 'comparing' ? '' : en.sending.told(name, en.sending.phases[after.phase]);
}

/** What to do about an upload that failed; `keeps`: the server keeps what it has of it. Of what it has whole nobody knows what became. */
export function adviceFor({ status }: Problem, { sent, total }: Transfer, keeps: boolean): string {
  const { advice } = en.sending;
  if (status === 0) return keeps ? advice.resume : sent < total ? advice.again : '';
  if (status === 409 && keeps) return advice.taken;
  if (status === 413) return advice.large;
  if (status === 429 || status === 503) return advice.busy;
  if (status === 507) return advice.full;
  return status >= 500 ? advice.log : '';
}
