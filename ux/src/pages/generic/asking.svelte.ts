/** Carries out what `asking.ts` says: a few owners at a time, until all have answered, or somebody stops it. */
import { RequestError } from '../../api/errors';
import type { Pairs } from '../../api/client';
import type { Info } from '../../api/types';
import { api } from '../../live/session.svelte';
import { en, timeOfDay } from '../../text/en';
import { AT_ONCE, cannotAsk, compare, MOST_ROWS, questionHere, questionThere, WAIT_SECONDS, type Answer, type Asked, type Side } from './asking';
import { atOwner } from './object.svelte';

export class Asking {
  asked = $state.raw<readonly Asked[]>([]);
  running = $state(false);
  private stopper = new AbortController();

  constructor(
    private readonly prefix: string,
    private readonly key: string,
    private readonly pairs: Pairs,
  ) {}

  /** Asks these owners beside those that were asked before. */
  async run(owners: readonly string[], ages: Readonly<Record<string, number>>): Promise<void> {
    this.stopper = new AbortController();
    const { signal } = this.stopper;
    this.running = true;
    this.asked = [...this.asked, ...owners.map((owner): Asked => ({ owner, age: ages[owner], answer: { kind: 'waiting' } }))];
    const queue = [...owners];
    const next = async (): Promise<void> => {
      for (let owner = queue.shift(); owner !== undefined; owner = queue.shift()) {
        if (!signal.aborted) this.set(owner, { kind: 'asking' });
        this.set(owner, signal.aborted ? { kind: 'stopped' } : await this.ask(owner, signal));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    this.running = false;
  }

  stop(): void {
    this.stopper.abort();
  }

  forget(): void {
    this.asked = [];
  }

  private set(owner: string, answer: Answer): void {
    this.asked = this.asked.map((known) => (known.owner === owner ? { ...known, answer } : known));
  }

  private async ask(owner: string, stopped: AbortSignal): Promise<Answer> {
    const own = new AbortController();
    const end = () => own.abort();
    const timer = setTimeout(end, WAIT_SECONDS * 1000);
    stopped.addEventListener('abort', end);
    try {
      const info = await api.get<Info>(atOwner(owner, 'info'), [], own.signal);
      const why = cannotAsk(this.pairs, (info.features as string[] | undefined) ?? []);
      if (why !== '') return { kind: 'silent', why };
      const there = await this.side(atOwner(owner, this.prefix), questionThere(this.pairs, owner, info.manager === true), own.signal);
      const at = timeOfDay();
      const here = await this.side(this.prefix, questionHere(this.pairs, owner), own.signal);
      return { kind: 'answered', comparison: compare(this.key, there, here), at };
    } catch (failure) {
      if (stopped.aborted) return { kind: 'stopped' };
      if (own.signal.aborted) return { kind: 'silent', why: en.ask.late(WAIT_SECONDS) };
      return { kind: 'silent', why: failure instanceof RequestError ? failure.problem.messages.join(' ') : String(failure) };
    } finally {
      clearTimeout(timer);
      stopped.removeEventListener('abort', end);
    }
  }

  private async side(target: string, pairs: Pairs, signal: AbortSignal): Promise<Side> {
    const answer = await api.request<Side['rows'] | null>('GET', target, { query: [...pairs, ['slim', 'Params,Meta'], ['limit', String(MOST_ROWS)]], signal });
    const rows = answer.body ?? [];
    return { count: Number(answer.headers.get('X-DRP-LIST-FILTER-COUNT') ?? rows.length), rows };
  }
}
