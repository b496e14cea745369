/** Rollouts and changes of many that wait for a person: told by the server while somebody is logged in, whatever is open. */
import { LiveView } from '../live/bridge.svelte';
import { session } from '../live/session.svelte';
import { ownId } from './estate.svelte';
import { WAITING_STATES, type Waits } from './waiting';

/** so many are named; all are counted */
const MOST = 10;

class Waiting {
  private views = $state.raw<{ prefix: Waits['prefix']; view: LiveView }[]>([]);

  /** For an effect. */
  watch(): () => void {
    const wanted = (Object.keys(WAITING_STATES) as Waits['prefix'][]).filter((prefix) => session.prefixes.includes(prefix) && !session.hides(prefix));
    this.views = wanted.map((prefix) => {
      const view = new LiveView();
      view.window(0, MOST);
      view.open({ prefix, pairs: [['State', WAITING_STATES[prefix]], ['sort', 'Id']], columns: ['State', 'Reason'], key: 'Id', slim: ['Meta'] });
      return { prefix, view };
    });
    return () => {
      for (const { view } of this.views) view.close();
      this.views = [];
    };
  }

  /** Nobody looks at these rows, so they need not keep still. For an effect. */
  keep(): void {
    for (const { view } of this.views) if (view.waiting > 0) view.refresh();
  }

  of(prefix: Waits['prefix']): number {
    return this.views.find((known) => known.prefix === prefix)?.view.found ?? 0;
  }

  get count(): number {
    return this.views.reduce((sum, { view }) => sum + view.found, 0);
  }

  get list(): Waits[] {
    return this.views.flatMap(({ prefix, view }) =>
      Array.from({ length: Math.min(MOST, view.found) }, (_, at) => view.row(at)).flatMap((row) =>
        row && !row.gone ? [{ prefix, key: row.key, owner: row.owner === ownId() ? '' : row.owner, state: String(row.values['State'] ?? ''), reason: String(row.values['Reason'] ?? '') }] : [],
      ),
    );
  }
}

export const waiting = new Waiting();
