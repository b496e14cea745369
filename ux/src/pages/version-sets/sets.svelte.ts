/** All version sets, followed: there are some dozens of them. */
import type { VersionSet } from '../../api/types';
import { RequestError, type Problem } from '../../api/errors';
import { follow, ownProblem } from '../../live/bridge.svelte';
import { askWhileNotLive } from '../../live/polling';
import { api } from '../../live/session.svelte';

export type ListedSet = VersionSet & { Endpoint?: string; Bundle?: string; LastModifiedBy?: string; LastModifiedAt?: string };

export class Sets {
  all = $state.raw<ListedSet[]>([]);
  problem = $state.raw<Problem | undefined>(undefined);
  answered = $state(false);
  private stop: (() => void) | undefined;
  private stopAsking: (() => void) | undefined;

  open(): void {
    this.stop = follow('version_sets.*.*', () => void this.ask());
    this.stopAsking = askWhileNotLive(() => void this.ask());
    void this.ask();
  }

  close(): void {
    this.stop?.();
    this.stopAsking?.();
  }

  async ask(): Promise<void> {
    try {
      this.all = await api.get<ListedSet[]>('version_sets', [['limit', '2000'], ['sort', 'Id']]);
      this.problem = undefined;
    } catch (failure) {
      this.problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
    }
    this.answered = true;
  }
}
