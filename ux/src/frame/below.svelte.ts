/** Which endpoints are below a manager, for the scope `_at=R2/*`: asked when it is chosen, level by level. */
import { api, session } from '../live/session.svelte';

const MOST_LEVELS = 8;
const MOST = 5000;
const KEEP_MS = 60_000;

class Below {
  private known = $state.raw<ReadonlyMap<string, readonly string[]>>(new Map());
  private asked = new Map<string, number>();

  /** The manager and all below it; undefined until it is known. */
  of(manager: string): readonly string[] | undefined {
    return this.known.get(manager);
  }

  /** Asks once a minute at most. */
  ask(manager: string): void {
    if (performance.now() - (this.asked.get(manager) ?? -Infinity) < KEEP_MS) return;
    this.asked.set(manager, performance.now());
    void this.walk(manager).then(
      (ids) => (this.known = new Map([...this.known, [manager, ids]])),
      () => this.asked.delete(manager),
    );
  }

  private async walk(manager: string): Promise<string[]> {
    const found = new Set([manager]);
    let level = [manager];
    const shown: [string, string] = session.features.includes('ux-fields') ? ['fields', 'Id'] : ['slim', 'Params,Meta'];
    for (let depth = 0; depth < MOST_LEVELS && level.length > 0 && found.size < MOST; depth++) {
      const children = await api.get<{ Id: string }[]>('endpoints', [['Endpoint', `In(${level.join(',')})`], shown, ['limit', String(MOST)]]);
      level = children.map(({ Id }) => Id).filter((id) => !found.has(id));
      level.forEach((id) => found.add(id));
    }
    return [...found];
  }
}

export const below = new Below();
