/** A list that a page counts over: asked for as a whole, and kept current by events. */
import { RequestError, type Problem } from '../api/errors';
import { follow, ownProblem } from './bridge.svelte';
import { askWhileNotLive } from './polling';
import type { LiveEvent } from './protocol';

export abstract class Followed<T> {
  rows = $state.raw<T[]>([]);
  problem = $state.raw<Problem | undefined>(undefined);
  /** it was told once; when it is asked again in vain the old rows stay */
  answered = $state(false);
  /** when, ms of this clock */
  at = $state(0);
  private ends: (() => void)[] = [];

  /** `prefix`: the collection whose events say that the list is another one. */
  protected constructor(private readonly prefix: string) {}

  open(): void {
    this.ends = [follow(`${this.prefix}.*.*`, (events) => this.happened(events), () => void this.ask()), askWhileNotLive(() => void this.ask())];
    void this.ask();
  }

  close(): void {
    for (const end of this.ends.splice(0)) end();
  }

  async ask(): Promise<void> {
    try {
      this.rows = await this.load();
      this.problem = undefined;
      this.answered = true;
      this.at = Date.now();
    } catch (failure) {
      this.problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
    }
  }

  /** Throws RequestError. */
  protected abstract load(): Promise<T[]>;

  /** Asks for everything again, unless a list knows better. */
  protected happened(_events: readonly LiveEvent[]): void {
    void this.ask();
  }
}
