/**
 * The endpoints that this server knows of, kept while somebody shows them: Now, the tree, routes, the scope. One store for
 * all pages, so that they cannot disagree; asked for when the first one needs it, followed, and let go with the last.
 */
import { onDestroy } from 'svelte';
import { freshnessOf, type Pairs } from '../api/client';
import { RequestError, type Problem } from '../api/errors';
import { agesWith, arrange, ENDPOINT_FIELDS, endpointOf, flatten, type Connection, type Endpoint, type Node } from './endpoint';
import { connection, follow, ownProblem } from '../live/bridge.svelte';
import type { LiveEvent } from '../live/protocol';
import { api, session } from '../live/session.svelte';

/** endpoints that are read: what the design is made for; without `fields=` an object may be large */
const MOST = 5000;
const MOST_WHOLE = 1000;
const PAGE = 1000;
const AGES_MS = 10_000;
/** entries of `connections` are asked for this often only up to so many endpoints */
const FEW = 500;
const AGES_SLOW_MS = 30_000;
const COUNTS_MS = 15_000;
/** what is older was never heard */
const YEAR_SECONDS = 366 * 86_400;

type Body = Record<string, unknown>;

export class Estate {
  /** how many there are; more than `endpoints` when there are very many */
  total = $state(0);
  answered = $state(false);
  problem = $state.raw<Problem | undefined>(undefined);
  /** owners that are not in touch -> age in seconds when it was told */
  stale = $state.raw<Readonly<Record<string, number>>>({});
  staleAt = $state(0);
  connections = $state.raw<ReadonlyMap<string, Connection>>(new Map());
  /** endpoint -> its ages lately, seconds, oldest first */
  ages = $state.raw<ReadonlyMap<string, number[]>>(new Map());
  /** owner -> how many machines */
  machines = $state.raw<ReadonlyMap<string, number>>(new Map());
  private endpoints = $state.raw<ReadonlyMap<string, Endpoint>>(new Map());
  private users = 0;
  private stop: (() => void)[] = [];
  private generation = 0;
  private countedAt = -Infinity;
  private agedAt = -Infinity;

  readonly self: string = $derived(ownId());
  /** owner -> when it was heard last, RFC 3339; of those that are not in touch */
  private heard = $state.raw<ReadonlyMap<string, string>>(new Map());
  readonly roots: Node[] = $derived(arrange([...this.endpoints.values()], this.self, (id) => this.heard.get(id)));
  readonly nodes: Node[] = $derived(flatten(this.roots));
  private readonly byId = $derived(new Map(this.nodes.map((node) => [node.endpoint.id, node])));

  find(id: string): Node | undefined {
    return this.byId.get(id);
  }

  /** As that manager has it: of several that have one with the same id another may be the way that counts. */
  at({ id, manager }: Pick<Endpoint, 'id' | 'manager'>): Node | undefined {
    const node = this.find(id);
    return node?.endpoint.manager === (manager || this.self) ? node : undefined;
  }

  /** Seconds: how old what is known of an owner is; undefined while it is in touch. */
  ageOf(id: string): number | undefined {
    const said = this.stale[id];
    return said === undefined ? undefined : said + (performance.now() - this.staleAt) / 1000;
  }

  use(): () => void {
    if (this.users++ === 0) this.start();
    return () => {
      if (--this.users === 0) this.end();
    };
  }

  refresh(): void {
    this.agedAt = this.countedAt = -Infinity;
    void this.read();
    void this.tick();
  }

  private start(): void {
    const timer = setInterval(() => void this.tick(), AGES_MS);
    this.stop = [follow('endpoints.*.*', (events, dropped) => this.events(events, dropped), () => this.refresh()), () => clearInterval(timer)];
    this.refresh();
  }

  private end(): void {
    this.generation++;
    this.stop.forEach((undo) => undo());
    this.stop = [];
  }

  private async read(): Promise<void> {
    const generation = ++this.generation;
    const slim = session.features.includes('ux-fields');
    const shown: Pairs = slim ? [['fields', ENDPOINT_FIELDS.join(',')]] : [['slim', 'Params']];
    const found = new Map<string, Endpoint>();
    try {
      for (let offset = 0; offset < (slim ? MOST : MOST_WHOLE); offset += PAGE) {
        const answer = await api.request<Body[]>('GET', 'endpoints', { query: [...shown, ['limit', String(PAGE)], ['offset', String(offset)]] });
        if (generation !== this.generation) return;
        for (const body of answer.body) this.put(found, body);
        this.total = Number(answer.headers.get('X-DRP-LIST-FILTER-COUNT') ?? found.size);
        if (answer.body.length < PAGE) break;
      }
      this.endpoints = found;
      this.answered = true;
      this.problem = undefined;
      this.countedAt = -Infinity;
      void this.tick();
    } catch (failure) {
      if (generation === this.generation) this.problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
    }
  }

  private put(into: Map<string, Endpoint>, body: Body): void {
    const endpoint = endpointOf(body);
    into.set(`${endpoint.manager}\n${endpoint.id}`, endpoint);
  }

  private events(events: LiveEvent[], dropped: number): void {
    if (dropped > 0) return this.refresh();
    const next = new Map(this.endpoints);
    const before = next.size;
    for (const event of events) {
      const body = (event.Object ?? event.Original ?? {}) as Body;
      if (event.Action === 'delete') next.delete(`${String(body['Endpoint'] ?? this.self)}\n${event.Key}`);
      else if (typeof body['Id'] === 'string') this.put(next, { Endpoint: this.self, ...body });
    }
    this.total += next.size - before;
    this.endpoints = next;
    // Who is dark is told by ages, and just now it changed.
    this.agedAt = -Infinity;
    void this.tick();
  }

  private async tick(): Promise<void> {
    if (document.hidden || session.state !== 'open') return;
    const now = performance.now();
    if (now - this.agedAt >= (this.total > FEW ? AGES_SLOW_MS : AGES_MS) - 100) {
      this.agedAt = now;
      await Promise.allSettled([this.readStale(), this.readConnections()]);
    }
    if (now - this.countedAt >= COUNTS_MS) {
      this.countedAt = now;
      await this.countMachines().catch(() => undefined);
    }
  }

  private async readStale(): Promise<void> {
    const answer = await api.request('HEAD', 'machines', { query: [['limit', '1']] });
    this.stale = freshnessOf(answer.headers).stale;
    this.staleAt = performance.now();
    const now = Date.now() + connection.skewMs;
    const heard = new Map(Object.entries(this.stale).filter(([, age]) => age < YEAR_SECONDS).map(([id, age]) => [id, new Date(now - age * 1000).toISOString()]));
    // Told in whole seconds: the same time again is no news.
    const same = (id: string, time: string) => Math.abs(Date.parse(this.heard.get(id) ?? '') - Date.parse(time)) < 3000;
    for (const [id, time] of heard) if (same(id, time)) heard.set(id, this.heard.get(id)!);
    this.heard = heard;
  }

  private async readConnections(): Promise<void> {
    if (!session.features.includes('ux-watch')) return;
    const list = await api.get<Connection[]>('connections', [['limit', String(MOST)]]);
    this.connections = new Map(list.map((entry) => [entry.Endpoint, entry]));
    this.ages = agesWith(this.ages, list);
  }

  private async countMachines(): Promise<void> {
    if (session.hides('machines')) return;
    if (!session.features.includes('ux-group-by')) return this.countSome();
    const groups = await api.get<{ Value?: string | null; Count: number; Rest?: boolean }[]>('machines', [['group-by', 'Endpoint'], ['limit', '1000']]);
    const counts = new Map(groups.filter((group) => !group.Rest).map(({ Value, Count }) => [Value ?? '', Count]));
    // An owner without machines has no group.
    if (!groups.some((group) => group.Rest)) for (const id of [this.self, ...this.nodes.map((node) => node.endpoint.id)]) if (!counts.has(id)) counts.set(id, 0);
    this.machines = counts;
  }

  /** Without counts by value: one question each, for the first few. */
  private async countSome(): Promise<void> {
    const ids = [this.self, ...this.nodes.slice(0, 30).map((node) => node.endpoint.id)];
    const counts = await Promise.allSettled(ids.map((id) => api.count('machines', [['Endpoint', `Eq(${id})`]])));
    this.machines = new Map(counts.flatMap((count, at) => (count.status === 'fulfilled' ? [[ids[at]!, count.value] as const] : [])));
  }
}

/** As other servers call this one. */
export function ownId(): string {
  return session.info?.ha_id || session.info?.id || '';
}

export const estate = new Estate();

/** Keeps the endpoints known while the calling component lives. */
export function useEstate(): Estate {
  onDestroy(estate.use());
  return estate;
}
