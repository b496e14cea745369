/**
 * Show nothing older than `_max`: owners whose copies are older are left out of the list, counted, and named. The list
 * itself is never refused for their sake.
 */
import { freshnessOf } from '../../api/client';
import { seconds, tooOld } from '../../live/freshness';
import { api, session } from '../../live/session.svelte';

const ASK_MS = 10_000;
/** owners whose names still fit into an address */
export const MOST_OWNERS = 300;

export class FreshOnly {
  owners = $state.raw<string[]>([]);
  /** of all that are not in touch: seconds */
  ages = $state.raw<Readonly<Record<string, number>>>({});
  /** how many objects are left out; undefined until they are counted */
  hidden = $state<number | undefined>(undefined);

  constructor(
    private readonly prefix: () => string,
    private readonly max: () => string,
    private readonly pairs_: () => [string, string][],
  ) {}

  get pairs(): [string, string][] {
    return this.owners.length === 0 ? [] : [['Endpoint', `Nin(${this.owners.slice(0, MOST_OWNERS).join(',')})`]];
  }

  /** For an effect: asks who is too old while the control is on. */
  watch(): (() => void) | undefined {
    const most = seconds(this.max());
    const prefix = this.prefix();
    const asked = this.pairs_();
    if (most === undefined) {
      this.owners = [];
      this.hidden = undefined;
      return undefined;
    }
    let left = false;
    const ask = async (): Promise<void> => {
      if (document.hidden || session.state !== 'open') return;
      const answer = await api.request('HEAD', prefix, { query: [...asked, ['limit', '1']] });
      const { stale } = freshnessOf(answer.headers);
      const owners = tooOld(stale, most);
      if (left) return;
      this.ages = stale;
      if (owners.join() !== this.owners.join()) this.owners = owners;
      const hidden = owners.length === 0 ? 0 : await api.count(prefix, [...asked, ['Endpoint', `In(${owners.slice(0, MOST_OWNERS).join(',')})`]]);
      if (!left) this.hidden = hidden;
    };
    const quietly = () => void ask().catch(() => undefined);
    quietly();
    const timer = setInterval(quietly, ASK_MS);
    return () => {
      left = true;
      clearInterval(timer);
    };
  }
}
