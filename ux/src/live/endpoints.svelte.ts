/** What all endpoints have and should have, for pages that count over them: at most a few thousand, followed by their events. */
import type { Pairs } from '../api/client';
import { freshnessOf } from '../api/client';
import { RequestError, type Problem } from '../api/errors';
import { follow, ownProblem } from './bridge.svelte';
import { askWhileNotLive } from './polling';
import { api, session } from './session.svelte';
import type { EndpointFacts } from '../parts/declared';

/** more than a manager has */
const MOST = 5000;

export const FACTS = ['Id', 'Endpoint', 'VersionSet', 'VersionSets', 'Apply', 'Actions', 'Errors', 'ActionErrorCount', 'ConnectionStatus', 'VersionSetsDisabled'];

export class Endpoints<Facts extends EndpointFacts = EndpointFacts> {
  rows = $state.raw<Facts[]>([]);
  stale = $state.raw<Record<string, number>>({});
  problem = $state.raw<Problem | undefined>(undefined);
  answered = $state(false);
  private stop: (() => void) | undefined;
  private stopAsking: (() => void) | undefined;

  /** `fields`: members that are needed beside `FACTS`; a server that cannot choose sends everything but Params and Meta. */
  constructor(
    private readonly fields: readonly string[] = [],
    private readonly query: Pairs = [],
  ) {}

  open(): void {
    this.stop = follow('endpoints.*.*', (events) => {
      const changed = new Map<string, Facts | undefined>();
      for (const event of events) changed.set(event.Key, event.Action === 'delete' ? undefined : (event.Object as Facts));
      // Whether something new fits the query is for the server to say.
      if (this.query.length > 0 || [...changed.keys()].some((key) => !this.rows.some((row) => row.Id === key))) void this.ask();
      else this.rows = this.rows.flatMap((row) => (changed.has(row.Id) ? (changed.get(row.Id) ?? []) : row));
    });
    this.stopAsking = askWhileNotLive(() => void this.ask());
    void this.ask();
  }

  close(): void {
    this.stop?.();
    this.stopAsking?.();
  }

  async ask(): Promise<void> {
    try {
      const some: Pairs = session.features.includes('ux-fields') ? [['fields', [...FACTS, ...this.fields].join(',')]] : [['slim', this.fields.includes('Meta') ? 'Params' : 'Params,Meta']];
      const answer = await api.request<Facts[]>('GET', 'endpoints', { query: [...this.query, ['limit', String(MOST)], ...some] });
      this.rows = answer.body;
      this.stale = freshnessOf(answer.headers).stale;
      this.problem = undefined;
    } catch (failure) {
      this.problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
    }
    this.answered = true;
  }
}
