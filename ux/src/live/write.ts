/** Every write goes through here: it enters the ledger before it is sent, and ends in one of seven outcomes. */
import type { Method } from '../api/client';
import { RequestError } from '../api/errors';
import { outcomeOfAnswer, outcomeOfProblem, type Outcome } from '../api/outcome';
import { placeOf } from './arrival';
import { awaitArrival } from './arrivals.svelte';
import { ownProblem } from './bridge.svelte';
import { disk } from './disk.svelte';
import { begin, end } from './ledger';
import { announce } from './notices.svelte';
import type { Sending } from './sending.svelte';
import { api } from './session.svelte';

export interface Write {
  method: Exclude<Method, 'GET' | 'HEAD'>;
  target: string;
  body?: unknown;
  query?: [string, string][];
  headers?: Record<string, string>;
  /** a sentence for the ledger: "change machines web-1". Never a value: values may be secret */
  what: string;
  /** is told how much of the body is sent, and cancels it */
  sending?: Sending;
}

/** Never throws and never repeats a request. */
export async function write(asked: Write): Promise<Outcome> {
  const entry = { time: Date.now(), method: asked.method, target: asked.target, what: asked.what, owner: '', commit: '', message: '' };
  const id = await begin({ ...entry, outcome: 'running' });
  let outcome: Outcome;
  try {
    const answer = await api.request(asked.method, asked.target, {
      body: asked.body,
      query: asked.query ?? [],
      headers: asked.headers ?? {},
      ...asked.sending?.begin(),
    });
    outcome = outcomeOfAnswer(answer.headers, answer.body);
  } catch (failure) {
    const problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
    outcome = asked.sending?.stopped ? { kind: 'cancelled' } : outcomeOfProblem(asked.sending?.advised(problem) ?? problem, asked.method);
  }
  asked.sending?.ended(outcome);
  const message = 'problem' in outcome ? outcome.problem.messages.join('; ') : '';
  disk.heard('problem' in outcome ? outcome.problem.status : undefined, message);
  const ended = { ...entry, id, outcome: outcome.kind, owner: outcome.kind === 'pending' ? outcome.owner : '', commit: 'commit' in outcome ? outcome.commit : '', message };
  await end(ended);
  if (outcome.kind === 'pending' && outcome.commit) {
    const place = placeOf(asked.target, outcome.owner, outcome.body);
    if (place) awaitArrival(outcome.commit, place, outcome.body, () => void end({ ...ended, outcome: 'done' }));
  }
  announce(`${asked.what}: ${outcome.kind}`, outcome.kind === 'unknown');
  return outcome;
}
