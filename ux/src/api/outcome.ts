/** Each write ends in one of seven ways; these are the functions that say in which. */
import type { Problem } from './errors';

export type Outcome =
  | { kind: 'done'; body: unknown; commit: string }
  | { kind: 'pending'; body: unknown; commit: string; owner: string }
  | { kind: 'refused'; problem: Problem }
  /** by the person, before all of it was sent: nothing was changed */
  | { kind: 'cancelled' }
  | { kind: 'conflict'; problem: Problem }
  | { kind: 'unreachable'; problem: Problem }
  | { kind: 'unknown'; problem: Problem };

export type OutcomeKind = Outcome['kind'];

type HeaderReader = { get(name: string): string | null };

export function outcomeOfAnswer(headers: HeaderReader, body: unknown): Outcome {
  const commit = headers.get('X-Mullion-Commit') ?? '';
  const owner = headers.get('X-Mullion-Pending') ?? '';
  return owner === '' ? { kind: 'done', body, commit } : { kind: 'pending', body, commit, owner };
}

/** 409 means a failed test only for patches: creating what exists, or deleting what is used, is refused. */
function isConflict(problem: Problem, method: string): boolean {
  return problem.status === 412 || (problem.status === 409 && method === 'PATCH');
}

export function outcomeOfProblem(problem: Problem, method: string): Outcome {
  if (problem.status === 503) {
    return problem.unreachable?.ran === 'no' ? { kind: 'unreachable', problem } : { kind: 'unknown', problem };
  }
  if (isConflict(problem, method)) return { kind: 'conflict', problem };
  if (problem.status >= 400 && problem.status < 500) return { kind: 'refused', problem };
  // 507: the server says that it keeps nothing any more, before it changes anything.
  if (problem.status === 507) return { kind: 'refused', problem };
  return { kind: 'unknown', problem };
}
