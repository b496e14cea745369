/** What Now shows, asked for again while it is looked at. Every number is a count of the server. */
import { RequestError } from '../../api/errors';
import type { Pairs } from '../../api/client';
import { connection } from '../../live/bridge.svelte';
import type { Estate } from '../../parts/estate.svelte';
import { countsBy } from '../../live/groups';
import { api, session } from '../../live/session.svelte';
import { brought, type Pack } from '../../parts/packs';
import { failedFilters, type Facts, type SinceFacts, type Snapshot } from './needs';

const AGAIN_MS = 30_000;
const RATES = 30;
const HOUR_MS = 3600_000;

type Body = Record<string, unknown>;

export class NowFacts {
  failed = $state.raw<Facts['failed']>({ count: 0, tasks: [], since: '' });
  rollouts = $state.raw<Facts['rollouts']>([]);
  bulks = $state.raw<Facts['bulks']>([]);
  firstPassword = $state(false);
  packs = $state<number | undefined>(undefined);
  machines = $state<number | undefined>(undefined);
  running = $state<number | undefined>(undefined);
  finished = $state<number | undefined>(undefined);
  rolling = $state<number | undefined>(undefined);
  bulksRunning = $state<number | undefined>(undefined);
  rates = $state.raw<number[]>([]);
  since = $state.raw<Omit<SinceFacts, 'nodes'> | undefined>(undefined);
  before = $state.raw<Snapshot | undefined>(undefined);
  answered = $state(false);
  /** when everything was answered last, ms of the wall clock */
  at = $state(0);
  refused = $state('');

  constructor(private readonly estate: Estate) {
    this.before = this.lastVisit();
  }

  /** Of the server's clock. */
  private time(agoMs: number): string {
    return new Date(Date.now() + connection.skewMs - agoMs).toISOString().slice(0, 19) + 'Z';
  }

  hourAgo(): string {
    return this.time(HOUR_MS);
  }

  /** For an effect. */
  watch(): () => void {
    void this.ask();
    const again = setInterval(() => !document.hidden && void this.ask(), AGAIN_MS);
    const rate = setInterval(() => (this.rates = [...this.rates, connection.rate].slice(-RATES)), 2000);
    return () => {
      clearInterval(again);
      clearInterval(rate);
    };
  }

  async ask(): Promise<void> {
    const hour = this.hourAgo();
    const recent: [string, string][] = failedFilters(hour);
    const count = (prefix: string, pairs: Pairs) => api.count(prefix, pairs);
    const hasBulks = session.prefixes.includes('bulks');
    const work: Promise<unknown>[] = [
      countsBy('jobs', 'Task', recent, 5).then(async (found) => (this.failed = { count: await count('jobs', recent), tasks: found.groups, since: hour })),
      api.get<Facts['rollouts']>('rollouts', [['State', 'In(paused,failed)'], ['limit', '5'], ['slim', 'Meta']]).then((found) => (this.rollouts = found)),
      count('rollouts', [['State', 'In(running,soaking,returning)']]).then((found) => (this.rolling = found)),
      count('machines', []).then((found) => (this.machines = found)),
      count('jobs', [['State', 'In(created,running)']]).then((found) => (this.running = found)),
      count('jobs', [['State', 'finished'], ['EndTime', `Gte(${hour})`]]).then((found) => (this.finished = found)),
      ...(hasBulks ? [
        api.get<Facts['bulks']>('bulks', [['State', 'In(asking,paused,stopped)'], ['limit', '5']]).then((found) => (this.bulks = found)),
        count('bulks', [['State', 'In(freezing,running)']]).then((found) => (this.bulksRunning = found)),
      ] : []),
      ...(this.answered ? [] : [this.askFirstPassword(), this.askPacks()]),
    ];
    const results = await Promise.allSettled(work);
    const refusal = results.find((result): result is PromiseRejectedResult => result.status === 'rejected' && !(result.reason instanceof RequestError && result.reason.problem.status === 403));
    this.refused = refusal ? String((refusal.reason as Error).message) : '';
    if (this.before) await this.askSince(this.before).catch(() => undefined);
    this.answered = true;
    if (!refusal) this.at = Date.now();
    this.remember();
  }

  private async askFirstPassword(): Promise<void> {
    const user = await api.get<Body>('users/rocketskates').catch(() => undefined);
    this.firstPassword = user !== undefined && user['CreatedAt'] === user['LastModifiedAt'];
  }

  private async askPacks(): Promise<void> {
    this.packs = brought(await api.get<Pack[]>('contents')).length;
  }

  private async askSince(before: Snapshot): Promise<void> {
    const later: Pairs = [['CreatedAt', `Gte(${before.time})`]];
    const [created, joined, sets] = await Promise.all([
      api.count('machines', later), api.count('endpoints', later),
      api.get<SinceFacts['sets']>('version_sets', [['LastModifiedAt', `Gte(${before.time})`], ['limit', '20'], ['slim', 'Meta']]),
    ]);
    this.since = { machines: this.machines ?? before.machines, created, joined, sets };
  }

  // --- when one was here last: of this browser, for this user and this server --------------------------------------

  private get place(): string {
    return `mullion.seen.${this.estate.self}.${session.user}`;
  }

  /** The visit before this one: the same for as long as this tab lives. */
  private lastVisit(): Snapshot | undefined {
    try {
      const stored = sessionStorage.getItem(this.place) ?? localStorage.getItem(this.place) ?? '';
      sessionStorage.setItem(this.place, stored);
      return stored === '' ? undefined : (JSON.parse(stored) as Snapshot);
    } catch {
      return undefined;
    }
  }

  private remember(): void {
    const versions = Object.fromEntries(this.estate.nodes.slice(0, 1000).map(({ endpoint }) => [endpoint.id, endpoint.version]));
    const snapshot: Snapshot = { time: this.time(0), machines: this.machines ?? 0, versions };
    localStorage.setItem(this.place, JSON.stringify(snapshot));
  }
}
