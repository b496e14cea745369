/** Sets failed machines running again, a few at a time; every one ends in one of the outcomes of writes. */
import { path } from '../../api/client';
import type { OutcomeKind } from '../../api/outcome';
import { writeTo } from '../generic/object.svelte';

export interface Target {
  key: string;
  owner: string;
  name: string;
}

const AT_ONCE = 8;
/** so many failures one after the other stop it */
const STOP_AFTER = 3;

export class Retry {
  state = $state<'ready' | 'running' | 'asking' | 'stopped' | 'over'>('ready');
  outcomes = $state<Record<OutcomeKind, number>>({ done: 0, pending: 0, refused: 0, cancelled: 0, conflict: 0, unreachable: 0, unknown: 0 });
  /** what was refused, for a second go, and the first words of the server about it */
  left = $state.raw<Target[]>([]);
  words = $state('');
  private next = 0;
  private asked: boolean;

  constructor(
    readonly targets: readonly Target[],
    private readonly first: number,
  ) {
    this.asked = first === 0 || targets.length <= first;
  }

  get done(): number {
    return Object.values(this.outcomes).reduce((sum, count) => sum + count, 0);
  }

  async run(): Promise<void> {
    if (this.state === 'asking') this.asked = true;
    this.state = 'running';
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.lane()));
    if (this.stopped) this.state = 'stopped';
    else this.state = this.next < this.targets.length ? 'asking' : 'over';
  }

  stop(): void {
    this.state = 'stopped';
  }

  private get stopped(): boolean {
    return this.state === 'stopped';
  }

  private get end(): number {
    return this.asked ? this.targets.length : Math.min(this.first, this.targets.length);
  }

  private async lane(): Promise<void> {
    while (this.next < this.end && !this.stopped) {
      const target = this.targets[this.next++]!;
      const outcome = await writeTo(target.owner, { method: 'PATCH', target: path('machines', target.key), body: [{ op: 'replace', path: '/Runnable', value: true }], what: `retry machines ${target.name}` });
      this.outcomes[outcome.kind]++;
      if (outcome.kind === 'done' || outcome.kind === 'pending') continue;
      if ('problem' in outcome) this.words ||= outcome.problem.messages.join(' ');
      if (outcome.kind !== 'unknown') this.left = [...this.left, target];
      if (this.outcomes.done + this.outcomes.pending === 0 && this.done >= STOP_AFTER) this.stop();
    }
  }
}

/** By owner, for the sentence above the button. */
export function byOwner(targets: readonly Target[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const target of targets) counts.set(target.owner, (counts.get(target.owner) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
