/**
 * What the worker does: asks for pages of rows, follows what is visible, and sends patches. Clock, network and randomness
 * are given, so that it runs in tests as it runs in the browser.
 *
 * A view is owned here alone: its rows, its generation (answers of an older one are dropped) and its registrations.
 */
import { freshnessOf, type Client, type Pairs } from '../api/client';
import { noAnswer, RequestError, type Problem } from '../api/errors';
import { skewFrom } from './freshness';
import { PAGE_ROWS, Pages } from './pages';
import { PATIENCE_MS, type EngineAsk, type LiveEvent, type ObjectBody, type Patch, type Row, type SocketState, type ViewQuery } from './protocol';
import { Queue } from './queue';
import { escapePattern, EventSocket, POLICY_CLOSE, type Clock, type SocketLike } from './socket';

const REQUESTS_AT_ONCE = 6;
const FLUSH_MS = 250;
const POLL_MS = 5000;
const RECOUNT_MS = 5000;
export const HIDDEN_MS = 60_000;
/** rows whose keys are followed one by one; a window is never larger than a screen and a margin */
const MOST_FOLLOWED = 200;
const FLOOD_RATE = 1000;
const CALM_RATE = 200;
const CALM_MS = 30_000;
/** events a follower of everything is given at once */
const MOST_EVENTS = 500;

interface View {
  id: number;
  query: ViewQuery;
  generation: number;
  pages: Pages;
  asked: Set<number>;
  first: number;
  last: number;
  found: number;
  total: number;
  /** objects that were created since the rows were asked for */
  waiting: Set<string>;
  /** by how much a filtered view grew: whether a new object fits its filters only the server knows */
  grown: number;
  dirty: Map<number, Row>;
  patterns: string[];
  abort: AbortController;
  age: number | undefined;
  stale: Record<string, number>;
  changed: boolean;
  recountAt: number;
  watching: boolean;
  /** the generation of the newest answer */
  answered: number;
  /** what the server said last, by itself, of how many there are */
  told: number | undefined;
  /** nothing happened to the view since the server answered: who asks the same would get the same */
  whole: boolean;
}

interface Follower {
  id: number;
  pattern: string;
  matches: (event: LiveEvent) => boolean;
  events: LiveEvent[];
  dropped: number;
}

export interface Environment {
  client: Client;
  connect(): SocketLike;
  clock: Clock;
  random(): number;
  /** wall clock in ms, only for comparing it with the server's */
  wallClock(): number;
  send(patch: Patch): void;
}

/** A predicate for `TYPE.ACTION.KEY` with `*` and lists. */
export function patternMatcher(pattern: string): (event: LiveEvent) => boolean {
  const first = pattern.indexOf('.');
  const second = pattern.indexOf('.', first + 1);
  const parts = [pattern.slice(0, first), pattern.slice(first + 1, second), pattern.slice(second + 1)];
  const [type, action, key] = parts.map((part) => {
    if (part === '*') return () => true;
    const words = new Set(part.split(',').map((word) => word.trim().replaceAll('\\1', '.').replaceAll('\\2', ',').replaceAll('\\3', '*')));
    return (text: string) => words.has(text);
  });
  return (event) => type!(event.Type) && action!(event.Action) && key!(event.Key);
}

function member(object: ObjectBody, path: string): unknown {
  if (path in object) return object[path];
  const dot = path.indexOf('.');
  if (dot < 0) return undefined;
  const inner = object[path.slice(0, dot)];
  return inner !== null && typeof inner === 'object' ? member(inner as ObjectBody, path.slice(dot + 1)) : undefined;
}

/** Only what is shown crosses to the page. */
export function rowOf(object: ObjectBody, query: ViewQuery): Row {
  const values: ObjectBody = {};
  for (const column of query.columns) values[column] = member(object, column);
  return { key: String(object[query.key] ?? ''), owner: String(object['Endpoint'] ?? ''), values };
}

function isFiltered(query: ViewQuery): boolean {
  return query.pairs.some(([name]) => name !== 'sort' && name !== 'reverse');
}

export class Engine {
  private readonly views = new Map<number, View>();
  private readonly followers = new Map<number, Follower>();
  private readonly queue = new Queue(REQUESTS_AT_ONCE);
  private readonly socket: EventSocket;
  private features = new Set<string>();
  private live = true;
  private visible = true;
  private flooded = false;
  private calmSince = 0;
  private policyClosed = false;
  private session = false;
  private cancelHide: (() => void) | undefined;
  private cancelTick: (() => void) | undefined;
  private events = 0;
  private rate = 0;
  private rateSince = 0;
  private lastPoll = 0;
  /** of all views together, so that no two queries of a page have the same */
  private generations = 0;
  /** since when nothing is heard */
  private deafSince = 0;
  private skew: number | undefined;
  private lastSocketPatch = '';
  private everOpen = false;
  private failedDials = 0;

  constructor(private readonly environment: Environment) {
    const listener = {
      opened: (missed: boolean) => this.opened(missed),
      event: (event: LiveEvent) => this.event(event),
      closed: (code: number) => this.closed(code),
    };
    this.socket = new EventSocket(() => environment.connect(), environment.clock, () => environment.random(), listener, () => this.features.has('event-resume'));
    this.rateSince = this.deafSince = environment.clock.now();
    this.tick();
  }

  /** How many patterns are registered: zero after every page is left. */
  get registrations(): number {
    return this.socket.registrations;
  }

  stop(): void {
    this.cancelTick?.();
    this.socket.stop();
  }

  ask(ask: EngineAsk): void {
    switch (ask.kind) {
      case 'session':
        return this.start(ask.token, ask.features);
      case 'open':
        return this.open(ask.view, ask.query);
      case 'window':
        return this.window(ask.view, ask.first, ask.last);
      case 'refresh':
        return this.refresh(ask.view);
      case 'close':
        return this.close(ask.view);
      case 'follow':
        return this.follow(ask.follow, ask.pattern);
      case 'unfollow':
        return this.unfollow(ask.follow);
      case 'live':
        return this.setLive(ask.on);
      case 'visible':
        return this.setVisible(ask.on);
    }
  }

  // --- session and socket -----------------------------------------------------------------------------------------

  private start(token: string, features: string[]): void {
    this.features = new Set(features);
    const fresh = !this.session;
    this.session = token !== '';
    if (!this.session) {
      // Whoever comes next is not told what happened for this one.
      this.disconnect();
      this.socket.forgetPlace();
    } else if (fresh) {
      this.policyClosed = false;
      if (this.live && this.visible) this.connect();
      for (const view of this.views.values()) this.restart(view);
    }
    this.tellSocket();
  }

  private setLive(on: boolean): void {
    this.live = on;
    this.policyClosed = false;
    if (on && this.session) this.connect();
    else this.disconnect();
    this.tellSocket();
  }

  private setVisible(on: boolean): void {
    this.cancelHide?.();
    this.cancelHide = undefined;
    if (on) {
      const slept = !this.visible;
      this.visible = true;
      if (slept && this.live && this.session && !this.policyClosed) this.connect();
      return;
    }
    this.cancelHide = this.environment.clock.after(HIDDEN_MS, () => {
      this.visible = false;
      this.disconnect();
      this.tellSocket();
    });
  }

  private connect(): void {
    this.deafSince = this.environment.clock.now();
    this.socket.start();
  }

  private disconnect(): void {
    this.socket.stop();
    this.forgetWatches();
  }

  /** Watches end with their connection. */
  private forgetWatches(): void {
    for (const view of this.views.values()) this.unwatched(view);
  }

  private unwatched(view: View): void {
    view.watching = view.whole = false;
    view.told = undefined;
  }

  private opened(missed: boolean): void {
    this.everOpen = true;
    this.failedDials = 0;
    for (const view of this.views.values()) {
      if (!view.watching) this.watch(view);
      if (missed) this.refresh(view.id);
    }
    if (missed) this.tellMissed();
    this.tellSocket();
  }

  /** Behind the events that came before. */
  private tellMissed(): void {
    this.flushFollowers();
    this.environment.send({ kind: 'missed' });
  }

  private closed(code: number): void {
    if (this.failedDials++ === 0) this.deafSince = this.environment.clock.now();
    this.forgetWatches();
    if (code === POLICY_CLOSE) {
      // Too slow for what it asked for, or the login ended: the next request tells which. The same again would not help.
      this.policyClosed = true;
      this.socket.stop();
      this.socket.forgetPlace();
    }
    this.tellSocket();
  }

  private state(): SocketState {
    if (!this.live) return 'paused';
    if (this.policyClosed || this.flooded) return 'polling';
    if (this.socket.isOpen) return 'live';
    return this.everOpen || this.failedDials > 0 ? 'down' : 'connecting';
  }

  private tellSocket(): void {
    const patch: Patch = { kind: 'socket', state: this.state(), rate: Math.round(this.rate), registrations: this.registrations };
    const text = JSON.stringify(patch);
    if (text === this.lastSocketPatch) return;
    this.lastSocketPatch = text;
    this.environment.send(patch);
  }

  // --- views ------------------------------------------------------------------------------------------------------

  private open(id: number, query: ViewQuery): void {
    const old = this.views.get(id);
    if (old) this.release(old);
    const view: View = {
      id,
      query,
      generation: ++this.generations,
      pages: new Pages(),
      asked: new Set(),
      first: 0,
      last: old ? old.last - old.first : PAGE_ROWS - 1,
      found: 0,
      total: 0,
      waiting: new Set(),
      grown: 0,
      dirty: new Map(),
      patterns: [],
      abort: new AbortController(),
      age: undefined,
      stale: {},
      changed: false,
      recountAt: Number.POSITIVE_INFINITY,
      watching: false,
      answered: 0,
      told: undefined,
      whole: false,
    };
    this.views.set(id, view);
    // Follow first, then ask: nothing that happens in between is missed.
    this.register(view, `${query.prefix}.create,delete.*`);
    this.watch(view);
    if (!this.session) return;
    this.takeFromTwin(view);
    this.fetchWindow(view);
  }

  /** Where another tab shows the same, and nothing happened to it since the server answered, its rows are the answer. */
  private takeFromTwin(view: View): void {
    const asked = JSON.stringify(view.query);
    const twin = [...this.views.values()].find((other) => other !== view && other.whole && JSON.stringify(other.query) === asked);
    if (!twin) return;
    Object.assign(view, { found: twin.found, total: twin.total, age: twin.age, whole: true, answered: view.generation });
    const taken: [number, Row][] = [];
    for (const page of Pages.covering(view.first, view.last)) {
      const rows = twin.pages.get(page);
      if (!rows) continue;
      view.pages.put(page, [...rows]);
      taken.push(...rows.map((row, at): [number, Row] => [page * PAGE_ROWS + at, row]));
    }
    this.send(view, taken);
    this.followWindow(view);
  }

  private close(id: number): void {
    const view = this.views.get(id);
    if (!view) return;
    this.release(view);
    this.views.delete(id);
    this.tellSocket();
  }

  private release(view: View): void {
    view.abort.abort();
    for (const pattern of view.patterns) this.socket.deregister(pattern);
    view.patterns = [];
    if (view.watching) this.socket.say(`unwatch ${view.id}`);
    view.watching = false;
  }

  private register(view: View, pattern: string): void {
    view.patterns.push(pattern);
    this.socket.register(pattern);
  }

  /** Servers that offer it say when a query's answer changed; for others the rows on screen are followed by key. */
  private watch(view: View): void {
    if (!this.features.has('ux-watch')) return;
    const pairs = view.query.pairs.filter(([name]) => name !== 'sort' && name !== 'reverse');
    const query = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
    view.watching = this.socket.say(`watch ${view.id} ${view.query.prefix}?${query}`) || view.watching;
  }

  private window(id: number, first: number, last: number): void {
    const view = this.views.get(id);
    if (!view) return;
    view.first = first;
    view.last = Math.max(first, last);
    const rows: [number, Row][] = [];
    for (const page of Pages.covering(view.first, view.last)) {
      view.pages.get(page)?.forEach((row, at) => rows.push([page * PAGE_ROWS + at, row]));
    }
    if (rows.length > 0) this.send(view, rows);
    if (this.session) this.fetchWindow(view);
    this.followWindow(view);
  }

  private refresh(id: number): void {
    const view = this.views.get(id);
    if (!view || !this.session) return;
    this.restart(view);
  }

  /** Asks anew for what is on screen; what was there stays until the answer comes. */
  private restart(view: View): void {
    view.abort.abort();
    view.abort = new AbortController();
    view.generation = ++this.generations;
    view.asked.clear();
    view.pages.keep(Pages.covering(view.first, view.last));
    view.waiting.clear();
    view.grown = 0;
    view.recountAt = Number.POSITIVE_INFINITY;
    view.whole = false;
    this.fetchWindow(view, true);
  }

  private fetchWindow(view: View, again = false): void {
    for (const page of Pages.covering(view.first, view.last)) {
      if (view.asked.has(page) || (!again && view.pages.has(page))) continue;
      if (page > 0 && view.found > 0 && page * PAGE_ROWS >= view.found) continue;
      view.asked.add(page);
      const { generation } = view;
      this.queue.add(
        () => this.fetchPage(view, page, generation),
        () => {
          const current = this.views.get(view.id) === view && view.generation === generation;
          const wanted = current && Pages.covering(view.first, view.last).includes(page);
          if (current && !wanted) view.asked.delete(page);
          return !wanted;
        },
      );
    }
  }

  private pagePairs(view: View, page: number): Pairs {
    const { query } = view;
    const pairs: [string, string][] = [...query.pairs, ['limit', String(PAGE_ROWS)]];
    if (page > 0) pairs.push(['offset', String(page * PAGE_ROWS)]);
    if (this.features.has('ux-fields')) {
      const names = new Set([query.key, 'Endpoint', ...query.columns]);
      pairs.push(['fields', [...names].join(',')]);
    } else {
      const unseen = query.slim.filter((part) => !query.columns.some((column) => column === part || column.startsWith(part + '.')));
      if (unseen.length > 0) pairs.push(['slim', unseen.join(',')]);
    }
    return pairs;
  }

  private async fetchPage(view: View, page: number, generation: number): Promise<void> {
    const { signal } = view.abort;
    const sent = this.environment.wallClock();
    try {
      const headers: Record<string, string> = view.query.maxAge === undefined ? {} : { 'X-Mullion-Max-Age': String(view.query.maxAge) };
      const answer = await this.environment.client.request<ObjectBody[]>('GET', view.query.prefix, {
        query: this.pagePairs(view, page),
        headers,
        signal,
      });
      if (this.stale(view, generation)) return;
      this.compareClocks(answer.headers.get('Date'), sent);
      this.took(view, page, answer.body, answer.headers);
    } catch (failure) {
      if (signal.aborted || this.stale(view, generation)) return;
      view.asked.delete(page);
      this.environment.send({ kind: 'failed', view: view.id, problem: problemOf(failure) });
    }
  }

  private stale(view: View, generation: number): boolean {
    return this.views.get(view.id) !== view || view.generation !== generation;
  }

  private took(view: View, page: number, objects: ObjectBody[], headers: Headers): void {
    view.asked.delete(page);
    const found = Number.parseInt(headers.get('X-DRP-LIST-FILTER-COUNT') ?? '', 10);
    const total = Number.parseInt(headers.get('X-DRP-LIST-TOTAL-COUNT') ?? '', 10);
    const before = view.found;
    view.found = Number.isNaN(found) ? page * PAGE_ROWS + objects.length : found;
    view.total = Number.isNaN(total) ? view.found : total;
    if (before !== 0 && before !== view.found) view.pages.keep(Pages.covering(view.first, view.last));
    const freshness = freshnessOf(headers);
    view.age = freshness.age;
    view.stale = freshness.stale;
    const rows = objects.map((object) => rowOf(object, view.query));
    view.pages.put(page, rows);
    view.whole = (view.whole || view.answered !== view.generation) && view.watching && view.query.maxAge === undefined && Object.keys(view.stale).length === 0;
    view.answered = view.generation;
    // It was said while the answer was on its way, and is older or newer than that.
    if (view.told !== undefined && view.told !== view.found) this.recountLater(view);
    this.send(view, rows.map((row, at) => [page * PAGE_ROWS + at, row]));
    this.followWindow(view);
  }

  private send(view: View, rows: [number, Row][]): void {
    view.dirty.clear();
    view.changed = false;
    this.environment.send({
      kind: 'rows',
      view: view.id,
      generation: view.generation,
      found: view.found,
      total: view.total,
      rows,
      waiting: view.waiting.size + view.grown,
      ...(view.age === undefined ? {} : { age: view.age }),
      stale: view.stale,
    });
  }

  private compareClocks(date: string | null, sent: number): void {
    const skew = skewFrom(date, sent, this.environment.wallClock());
    if (skew === undefined || skew === this.skew) return;
    this.skew = skew;
    this.environment.send({ kind: 'skew', ms: skew });
  }

  /** One registration names the keys on screen. */
  private followWindow(view: View): void {
    const keys: string[] = [];
    if (!this.flooded) {
      for (const page of Pages.covering(view.first, view.last)) {
        view.pages.get(page)?.forEach((row, at) => {
          const index = page * PAGE_ROWS + at;
          if (index >= view.first && index <= view.last && keys.length < MOST_FOLLOWED) keys.push(escapePattern(row.key));
        });
      }
    }
    const wanted = [`${view.query.prefix}.create,delete.*`];
    if (keys.length > 0) wanted.push(`${view.query.prefix}.update,save.${keys.join(',')}`);
    if (wanted.length === view.patterns.length && wanted.every((pattern, at) => pattern === view.patterns[at])) return;
    const old = view.patterns;
    view.patterns = [];
    for (const pattern of wanted) this.register(view, pattern);
    for (const pattern of old) this.socket.deregister(pattern);
    this.tellSocket();
  }

  // --- events -----------------------------------------------------------------------------------------------------

  private event(event: LiveEvent): void {
    this.events++;
    if (event.Type === 'view') return this.viewChanged(event);
    for (const view of this.views.values()) if (view.query.prefix === event.Type) this.apply(view, event);
    for (const follower of this.followers.values()) if (follower.matches(event)) this.keep(follower, event);
  }

  /** What the server says of a view by itself: at once when it is watched, then when something changed. */
  private viewChanged(event: LiveEvent): void {
    const view = this.views.get(Number.parseInt(event.Key, 10));
    if (!view) return;
    const { Count: count, Keys: keys, More: more } = (event.Action === 'error' ? {} : event.Object) as { Count?: number; Keys?: string[]; More?: boolean };
    if (count === undefined) return this.unwatched(view);
    // Also of what is not on screen: counts beside the list follow it.
    if ((keys?.length ?? 0) > 0 || more) {
      view.whole = false;
      view.changed = true;
    }
    // Owners that are too old are left out by lists, and not by watches.
    if (view.query.maxAge !== undefined) return this.recountLater(view);
    view.told = count;
    view.recountAt = Number.POSITIVE_INFINITY;
    if (view.answered === view.generation) this.counted(view, count);
  }

  private apply(view: View, event: LiveEvent): void {
    const object = (event.Object ?? {}) as ObjectBody;
    const owner = String(object['Endpoint'] ?? '');
    if (event.Action === 'create' || event.Action === 'delete') {
      if (event.Action === 'delete') {
        const at = view.pages.update(event.Key, owner, (row) => ({ ...row, gone: true }));
        if (at !== undefined) this.mark(view, at);
      } else {
        this.created(view, event.Key, owner, object);
      }
      view.changed = true;
      view.whole = false;
      this.recountLater(view);
      return;
    }
    const at = view.pages.update(event.Key, owner, () => ({ ...rowOf(object, view.query), key: event.Key }));
    if (at === undefined) return;
    view.whole = false;
    this.mark(view, at);
  }

  private created(view: View, key: string, owner: string, object: ObjectBody): void {
    // Deleted and made anew, or asked for before this was told: it has its row.
    const at = view.pages.update(key, owner, () => ({ ...rowOf(object, view.query), key }));
    if (at !== undefined) this.mark(view, at);
    else if (!isFiltered(view.query) && view.waiting.size < MOST_EVENTS) view.waiting.add(`${owner}\n${key}`);
  }

  private mark(view: View, at: number): void {
    const page = Math.floor(at / PAGE_ROWS);
    const row = view.pages.get(page)?.[at % PAGE_ROWS];
    if (row) view.dirty.set(at, row);
  }

  /** Not where the server says it by itself. */
  private recountLater(view: View): void {
    if (view.watching && view.query.maxAge === undefined && view.answered === view.generation && view.told === view.found) return;
    const spread = RECOUNT_MS * (0.75 + 0.5 * this.environment.random());
    view.recountAt = Math.min(view.recountAt, this.environment.clock.now() + spread);
  }

  private keep(follower: Follower, event: LiveEvent): void {
    if (follower.events.length < MOST_EVENTS) follower.events.push(event);
    else follower.dropped++;
  }

  private follow(id: number, pattern: string): void {
    this.unfollow(id);
    this.followers.set(id, { id, pattern, matches: patternMatcher(pattern), events: [], dropped: 0 });
    this.socket.register(pattern);
    this.tellSocket();
  }

  private unfollow(id: number): void {
    const follower = this.followers.get(id);
    if (!follower) return;
    this.followers.delete(id);
    this.socket.deregister(follower.pattern);
    this.tellSocket();
  }

  // --- the beat: patches cross at most four times a second --------------------------------------------------------

  private tick(): void {
    this.cancelTick = this.environment.clock.after(FLUSH_MS, () => {
      this.flush();
      this.tick();
    });
  }

  private flush(): void {
    const now = this.environment.clock.now();
    this.measure(now);
    for (const view of this.views.values()) {
      if (view.dirty.size > 0 || view.changed) this.send(view, [...view.dirty]);
      if (now >= view.recountAt && this.visible) void this.recount(view);
    }
    this.flushFollowers();
    const blind = this.live && this.session && this.visible && !this.watched() && (this.policyClosed || this.flooded || now - this.deafSince >= PATIENCE_MS);
    if (blind && now - this.lastPoll >= POLL_MS) {
      this.lastPoll = now;
      for (const view of this.views.values()) if (view.asked.size === 0) this.reload(view);
    }
    this.tellSocket();
  }

  private flushFollowers(): void {
    for (const follower of this.followers.values()) {
      if (follower.events.length === 0 && follower.dropped === 0) continue;
      this.environment.send({ kind: 'events', follow: follower.id, events: follower.events, dropped: follower.dropped });
      follower.events = [];
      follower.dropped = 0;
    }
  }

  private watched(): boolean {
    return this.socket.isOpen && !this.flooded;
  }

  /** The rows on screen again, in their place: same generation, nothing is cleared. */
  private reload(view: View): void {
    this.fetchWindow(view, true);
  }

  /** A count alone; rows stay where they are until the person asks. */
  private async recount(view: View): Promise<void> {
    view.recountAt = Number.POSITIVE_INFINITY;
    const { generation } = view;
    try {
      const pairs = view.query.pairs.filter(([name]) => name !== 'sort' && name !== 'reverse');
      const found = await this.environment.client.count(view.query.prefix, pairs, view.abort.signal);
      if (!this.stale(view, generation)) this.counted(view, found);
    } catch {
      // The old number stays; the next change asks again.
    }
  }

  private counted(view: View, found: number): void {
    if (found === view.found) return;
    view.whole = false;
    if (isFiltered(view.query)) view.grown = Math.max(0, view.grown + found - view.found);
    view.found = found;
    view.changed = true;
  }

  private measure(now: number): void {
    const seconds = (now - this.rateSince) / 1000;
    if (seconds < 1) return;
    this.rate = this.events / seconds;
    this.events = 0;
    this.rateSince = now;
    if (!this.flooded && this.rate > FLOOD_RATE) this.setFlooded(true, now);
    if (this.rate > CALM_RATE) this.calmSince = now;
    if (this.flooded && now - this.calmSince >= CALM_MS) this.setFlooded(false, now);
  }

  private setFlooded(on: boolean, now: number): void {
    this.flooded = on;
    this.calmSince = now;
    for (const view of this.views.values()) {
      this.followWindow(view);
      // Followed first, asked then.
      if (!on) this.reload(view);
    }
  }
}

function problemOf(failure: unknown): Problem {
  if (failure instanceof RequestError) return failure.problem;
  return noAnswer(failure instanceof Error ? failure.message : String(failure));
}
