/** What all endpoints have and should have, for pages that count over them: at most a few thousand, followed by their events. */
import { freshnessOf, type Pairs } from '../api/client';
import { Followed } from '../live/followed.svelte';
import type { LiveEvent } from '../live/protocol';
import { api, session } from '../live/session.svelte';
import type { EndpointFacts } from './declared';
import { ownedKey, ownerOf } from './owners';

/** more than a manager has */
const MOST = 5000;

export const FACTS = ['Id', 'Endpoint', 'VersionSet', 'VersionSets', 'Apply', 'Actions', 'Errors', 'ActionErrorCount', 'ConnectionStatus', 'VersionSetsDisabled'];

const keyOf = (row: EndpointFacts) => ownedKey(ownerOf(row, session.info?.id ?? ''), row.Id);

export class Endpoints<Facts extends EndpointFacts = EndpointFacts> extends Followed<Facts> {
  stale = $state.raw<Record<string, number>>({});

  /** `fields`: members that are needed beside `FACTS`; a server that cannot choose sends everything but Params and Meta. */
  constructor(
    private readonly fields: readonly string[] = [],
    private readonly query: Pairs = [],
  ) {
    super('endpoints');
  }

  protected async load(): Promise<Facts[]> {
    const some: Pairs = session.features.includes('ux-fields') ? [['fields', [...FACTS, ...this.fields].join(',')]] : [['slim', this.fields.includes('Meta') ? 'Params' : 'Params,Meta']];
    const answer = await api.request<Facts[]>('GET', 'endpoints', { query: [...this.query, ['limit', String(MOST)], ...some] });
    this.stale = freshnessOf(answer.headers).stale;
    return answer.body;
  }

  protected override happened(events: readonly LiveEvent[]): void {
    const changed = new Map<string, Facts | undefined>();
    for (const event of events) {
      const object = (event.Object ?? event.Original ?? { Id: event.Key }) as Facts;
      changed.set(keyOf(object), event.Action === 'delete' ? undefined : object);
    }
    const known = new Set(this.rows.map(keyOf));
    // Whether something new fits the query is for the server to say.
    if (this.query.length > 0 || [...changed.keys()].some((key) => !known.has(key))) void this.ask();
    else this.rows = this.rows.flatMap((row) => (changed.has(keyOf(row)) ? (changed.get(keyOf(row)) ?? []) : row));
  }
}
