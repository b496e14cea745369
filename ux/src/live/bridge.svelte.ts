/** The page's side of the worker: views, followers and the state of the connection as reactive values. */
import { noAnswer, type Problem } from '../api/errors';
import type { Tail } from './loglines';
import type { Ask, LiveEvent, Patch, Row, SocketState, ViewQuery } from './protocol';
import { session, type Login } from './session.svelte';
import { hearTabs, tellTabs } from './tabs';
import { trustedScript } from './trusted';
import carrierUrl from './carrier?worker&url';
import { bodiesTravel, type Line } from './relay';
import workerUrl from './worker?worker&url';

/** rows a view keeps on the page: what the worker keeps too */
const MOST_ROWS = 6000;

class Connection {
  state = $state<SocketState>('connecting');
  rate = $state(0);
  registrations = $state(0);
  skewMs = $state(0);
  /** since when nothing is heard, ms of the steady clock; 0: connected */
  downSince = $state(0);
  /** down for so long that a person is told: connections that are made anew at once are nobody's business */
  lost = $state(false);
}

export const connection = new Connection();

const TOLD_AFTER_MS = 2000;
let loss: ReturnType<typeof setTimeout> | undefined;

function noticeLoss(): void {
  if (connection.state === 'down') {
    loss ??= setTimeout(() => (connection.lost = true), TOLD_AFTER_MS);
    return;
  }
  clearTimeout(loss);
  loss = undefined;
  connection.lost = false;
}

/** the worker's end; undefined until it has answered */
let line: Line<Patch, Ask> | undefined;
/** asked before that */
let unsaid: Ask[] = [];
let welcomed: ((login: Login) => void) | undefined;
let numbers = 0;
const views = new Map<number, LiveView>();
const tailsAsked = new Map<number, (tails: Tail[]) => void>();
const followers = new Map<number, Follower>();

interface Follower {
  told: (events: LiveEvent[], dropped: number) => void;
  missed: () => void;
}

function ask(message: Ask): void {
  if (line) line.postMessage(message);
  else unsaid.push(message);
}

/** Starts the worker, or joins that of the other tabs; answers who is logged in there. */
export function startWorker(): Promise<Login> {
  document.addEventListener('visibilitychange', tellVisible);
  hearTabs('logout', leave);
  const able = 'SharedWorker' in window && 'locks' in navigator && bodiesTravel();
  if (able) joined();
  else alone();
  return new Promise((resolve) => (welcomed = resolve));
}

const tellVisible = () => ask({ kind: 'visible', on: !document.hidden });

/** A worker for this tab. */
function alone(): void {
  greet(new Worker(trustedScript(workerUrl), { type: 'module' }), []);
}

/** One for all tabs, and a thread that runs its errands in the network; a browser that cannot start it gets one for this tab. */
function joined(): void {
  const worker = new SharedWorker(trustedScript(workerUrl), { type: 'module', name: 'mullion' });
  const carrier = new Worker(trustedScript(carrierUrl), { type: 'module' });
  const { port1, port2 } = new MessageChannel();
  carrier.postMessage('', [port1]);
  worker.onerror = () => {
    if (line) return;
    carrier.terminate();
    alone();
  };
  greet(worker.port, [port2]);
}

/** The lock ends with this tab, however it ends: so the worker learns that it is gone. */
function greet(to: Line<Patch, Ask>, network: MessagePort[]): void {
  to.onmessage = (message: MessageEvent<Patch>) => {
    if (message.data.kind !== 'welcome') return took(message.data);
    line = to;
    tellVisible();
    for (const message of unsaid.splice(0)) ask(message);
    welcomed?.(message.data);
  };
  const lock = `mullion.tab.${crypto.randomUUID()}`;
  const hello = () => to.postMessage({ kind: 'hello', lock }, network);
  if ('locks' in navigator) void navigator.locks.request(lock, () => new Promise(hello));
  else hello();
}

/** Tells the worker who asks; call it whenever the token changes. */
export function tellSession(): void {
  const token = session.state === 'open' ? session.token : '';
  ask({ kind: 'session', user: session.user, token, features: $state.snapshot(session.features) as string[] });
}

/** In all tabs: who goes away from one does not want to be found in another. */
export function logout(): void {
  tellTabs('logout');
  leave();
}

function leave(): void {
  ask({ kind: 'logout' });
  session.logout();
}

export function setLive(on: boolean): void {
  ask({ kind: 'live', on });
}

function took(patch: Patch): void {
  switch (patch.kind) {
    case 'rows':
    case 'failed':
      views.get(patch.view)?.took(patch);
      return;
    case 'events':
      followers.get(patch.follow)?.told(patch.events, patch.dropped);
      return;
    case 'missed':
      for (const follower of [...followers.values()]) follower.missed();
      return;
    case 'socket':
      connection.downSince = patch.state === 'down' ? connection.downSince || performance.now() : 0;
      connection.state = patch.state;
      noticeLoss();
      connection.rate = patch.rate;
      connection.registrations = patch.registrations;
      return;
    case 'tails':
      tailsAsked.get(patch.ask)?.(patch.tails);
      tailsAsked.delete(patch.ask);
      return;
    case 'skew':
      connection.skewMs = patch.ms;
      return;
    case 'unauthorized':
      // What was refused may be an earlier login than the one that somebody has made meanwhile.
      if (patch.token === undefined || patch.token === session.token) session.ended();
  }
}

/** Rows of a query as the grid reads them: `row(i)` inside of an effect or a template is reactive. */
export class LiveView {
  found = $state(0);
  total = $state(0);
  waiting = $state(0);
  age = $state<number | undefined>(undefined);
  stale = $state.raw<Record<string, number>>({});
  problem = $state.raw<Problem | undefined>(undefined);
  /** whether an answer came for the present query */
  answered = $state(false);
  /** when the newest answer came, ms of the steady clock */
  at = $state(0);
  version = $state(0);
  private readonly id = ++numbers;
  private readonly rows = new Map<number, Row>();
  private generation = 0;
  private first = 0;
  private last = 0;
  private closed = false;

  constructor() {
    views.set(this.id, this);
  }

  /** Asks for another query; old rows stay until the first answer. */
  open(query: ViewQuery): void {
    // A page that waited for something may have been left meanwhile.
    if (this.closed) return;
    this.answered = false;
    this.problem = undefined;
    ask({ kind: 'open', view: this.id, query });
    ask({ kind: 'window', view: this.id, first: this.first, last: this.last });
  }

  window(first: number, last: number): void {
    if (first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    ask({ kind: 'window', view: this.id, first, last });
  }

  refresh(): void {
    ask({ kind: 'refresh', view: this.id });
  }

  close(): void {
    this.closed = true;
    views.delete(this.id);
    ask({ kind: 'close', view: this.id });
  }

  row(index: number): Row | undefined {
    void this.version;
    return this.rows.get(index);
  }

  took(patch: Extract<Patch, { kind: 'rows' | 'failed' }>): void {
    if (patch.kind === 'failed') {
      this.problem = patch.problem;
      return;
    }
    if (patch.generation !== this.generation) {
      this.generation = patch.generation;
      this.rows.clear();
    }
    for (const [index, row] of patch.rows) this.rows.set(index, row);
    if (this.rows.size > MOST_ROWS) this.forgetFarRows();
    this.found = patch.found;
    this.total = patch.total;
    this.waiting = patch.waiting;
    this.age = patch.age;
    this.stale = patch.stale;
    this.problem = undefined;
    this.answered = true;
    this.at = performance.now();
    this.version++;
  }

  private forgetFarRows(): void {
    const margin = MOST_ROWS / 2;
    for (const index of this.rows.keys()) if (index < this.first - margin || index > this.last + margin) this.rows.delete(index);
  }
}

/**
 * Events of a pattern until the answer is called. `missed`: the connection was cut, and what happened meanwhile cannot be had: ask
 * for what the events keep current.
 */
export function follow(pattern: string, told: Follower['told'], missed: Follower['missed']): () => void {
  const id = ++numbers;
  followers.set(id, { told, missed });
  ask({ kind: 'follow', follow: id, pattern });
  return () => {
    followers.delete(id);
    ask({ kind: 'unfollow', follow: id });
  };
}

/** What the logs of these jobs say at their ends: read and reduced by the worker. */
export function tailsOf(jobs: { key: string; owner: string }[]): Promise<Tail[]> {
  const number = ++numbers;
  return new Promise((resolve) => {
    tailsAsked.set(number, resolve);
    ask({ kind: 'tails', ask: number, jobs });
  });
}

/** A problem of the page itself, in the shape of the server's. */
export function ownProblem(failure: unknown): Problem {
  return noAnswer(failure instanceof Error ? failure.message : String(failure));
}
