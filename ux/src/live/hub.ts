/**
 * One engine for all tabs of a browser: numbers of views that no two tabs share, patches for the tab that asked, one login.
 * A tab that nobody sees while another is seen lets go of what it follows, and asks for it again when it is seen.
 */
import type { Ask, EngineAsk, Patch, ViewQuery } from './protocol';
import { HIDDEN_MS } from './engine';
import type { Errand, Errands, Line, UnderWay } from './relay';
import type { Clock } from './socket';

export interface Port {
  send(patch: Patch): void;
  /** has an errand run by the tab, for all of them */
  errand(errand: Errand): Line<never, never>;
}

interface Opened {
  /** its number in the engine while the tab is attached */
  number: number;
  query: ViewQuery;
  first: number;
  last: number;
}

interface Tab {
  port: Port;
  /** of whom it shows objects; empty: nobody is logged in there */
  user: string;
  visible: boolean;
  attached: boolean;
  /** it was attached before: what happened since it was not told */
  away: boolean;
  views: Map<number, Opened>;
  follows: Map<number, { number: number; pattern: string }>;
  cancelSleep: (() => void) | undefined;
  /** what it runs for all tabs */
  errands: Set<UnderWay>;
}

export interface Parts {
  clock: Clock;
  /** what the engine is asked; it answers through `Hub.take` */
  ask(ask: EngineAsk): void;
  /** reads the ends of logs, for one tab */
  readTails(jobs: { key: string; owner: string }[]): Promise<Extract<Patch, { kind: 'tails' }>['tails']>;
  /** who is logged in now, for requests */
  use(token: string, features: readonly string[]): void;
  /** calls back when the tab that holds this lock is gone, however it went */
  whenGone(lock: string, run: () => void): void;
}

export class Hub implements Errands {
  private readonly tabs = new Map<Port, Tab>();
  /** whose number in the engine it is, and which one it is there */
  private readonly owners = new Map<number, { tab: Tab; own: number }>();
  private numbers = 0;
  private user = '';
  private token = '';
  private lastSocket: Patch | undefined;
  private lastSkew: Patch | undefined;

  constructor(private readonly parts: Parts) {}

  ask(port: Port, ask: Ask): void {
    const tab = this.tabs.get(port) ?? this.enter(port);
    switch (ask.kind) {
      case 'hello':
        this.parts.whenGone(ask.lock, () => this.leave(port));
        port.send({ kind: 'welcome', user: this.user, token: this.token });
        for (const patch of [this.lastSocket, this.lastSkew]) if (patch) port.send(patch);
        return;
      case 'session':
        return this.session(tab, ask.user, ask.token, ask.features);
      case 'logout':
        return this.logout();
      case 'open':
        return this.open(tab, ask.view, ask.query);
      case 'window':
        return this.window(tab, ask.view, ask.first, ask.last);
      case 'refresh':
        return this.toEngine(tab, tab.views.get(ask.view), (view) => ({ kind: 'refresh', view }));
      case 'close':
        this.toEngine(tab, tab.views.get(ask.view), (view) => ({ kind: 'close', view }));
        this.owners.delete(tab.views.get(ask.view)?.number ?? 0);
        tab.views.delete(ask.view);
        return;
      case 'follow':
        return this.follow(tab, ask.follow, ask.pattern);
      case 'unfollow':
        return this.unfollow(tab, ask.follow);
      case 'tails':
        void this.parts.readTails(ask.jobs).then((tails) => port.send({ kind: 'tails', ask: ask.ask, tails }));
        return;
      case 'live':
        return this.parts.ask(ask);
      case 'visible':
        tab.visible = ask.on;
        return this.look();
    }
  }

  /** A patch of the engine: for the tab whose view it is, or for all. */
  take(patch: Patch): void {
    if (patch.kind === 'rows' || patch.kind === 'failed') {
      const owner = this.owners.get(patch.view);
      owner?.tab.port.send({ ...patch, view: owner.own });
    } else if (patch.kind === 'events') {
      const owner = this.owners.get(patch.follow);
      owner?.tab.port.send({ ...patch, follow: owner.own });
    } else {
      if (patch.kind === 'socket') this.lastSocket = patch;
      if (patch.kind === 'skew') this.lastSkew = patch;
      for (const tab of this.tabs.values()) tab.port.send(patch);
    }
  }

  /** Run by a tab where somebody is logged in, one that is seen if there is one; undefined: there is none. */
  errand(errand: Errand, way: UnderWay): Line<never, never> | undefined {
    const able = [...this.tabs.values()].filter((tab) => tab.user !== '');
    const tab = able.find((one) => one.visible) ?? able[0];
    if (!tab) return undefined;
    tab.errands.add(way);
    return tab.port.errand(errand);
  }

  ended(way: UnderWay): void {
    for (const tab of this.tabs.values()) tab.errands.delete(way);
  }

  leave(port: Port): void {
    const tab = this.tabs.get(port);
    if (!tab) return;
    this.detach(tab);
    tab.cancelSleep?.();
    this.tabs.delete(port);
    this.look();
    this.endUnused();
    // Another tab takes over what it ran, and the connection goes on where it was.
    for (const errand of [...tab.errands]) errand.lost();
  }

  private enter(port: Port): Tab {
    const tab: Tab = { port, user: '', visible: true, attached: false, away: false, views: new Map(), follows: new Map(), cancelSleep: undefined, errands: new Set() };
    this.tabs.set(port, tab);
    this.look();
    return tab;
  }

  // --- who is logged in -------------------------------------------------------------------------------------------

  private session(tab: Tab, user: string, token: string, features: readonly string[]): void {
    if (token === '') {
      if (tab.user === '') return;
      // That tab's login ended: it is told nothing more, and no new tab takes it over. Another tab says when its own is renewed.
      tab.user = '';
      this.detach(tab);
      this.user = this.token = '';
      return this.endUnused();
    }
    // One login a browser: the socket hears what one person may see.
    if ([...this.tabs.values()].some((other) => other.user !== '' && other.user !== user)) this.endOthers(tab);
    [this.user, this.token, tab.user] = [user, token, user];
    this.parts.use(token, features);
    this.parts.ask({ kind: 'session', token, features: [...features] });
    this.attach(tab);
  }

  private endOthers(tab: Tab): void {
    for (const other of this.tabs.values()) {
      if (other === tab || other.user === '') continue;
      other.user = '';
      this.detach(other);
      other.port.send({ kind: 'unauthorized' });
    }
    if (tab.user !== '') this.detach(tab);
    this.parts.ask({ kind: 'session', token: '', features: [] });
  }

  private logout(): void {
    this.user = this.token = '';
    for (const tab of this.tabs.values()) {
      tab.user = '';
      this.detach(tab);
    }
    this.endUnused();
  }

  /** Nobody is there who may hear anything. */
  private endUnused(): void {
    if ([...this.tabs.values()].some((tab) => tab.user !== '')) return;
    this.user = this.token = '';
    this.parts.use('', []);
    this.parts.ask({ kind: 'session', token: '', features: [] });
  }

  // --- what tabs show ---------------------------------------------------------------------------------------------

  private attach(tab: Tab): void {
    if (tab.attached || tab.user === '') return;
    tab.attached = true;
    for (const own of tab.views.keys()) this.openInEngine(tab, own);
    for (const own of tab.follows.keys()) this.followInEngine(tab, own);
    if (tab.away) tab.port.send({ kind: 'missed' });
  }

  private detach(tab: Tab): void {
    if (!tab.attached) return;
    tab.attached = false;
    tab.away = true;
    for (const { number } of tab.views.values()) this.parts.ask({ kind: 'close', view: number });
    for (const { number } of tab.follows.values()) this.parts.ask({ kind: 'unfollow', follow: number });
    for (const { number } of [...tab.views.values(), ...tab.follows.values()]) this.owners.delete(number);
  }

  private number(tab: Tab, own: number): number {
    const number = ++this.numbers;
    this.owners.set(number, { tab, own });
    return number;
  }

  private toEngine(tab: Tab, of: { number: number } | undefined, ask: (number: number) => EngineAsk): void {
    if (tab.attached && of) this.parts.ask(ask(of.number));
  }

  private open(tab: Tab, own: number, query: ViewQuery): void {
    const known = tab.views.get(own);
    if (known) known.query = query;
    else tab.views.set(own, { number: 0, query, first: 0, last: 0 });
    if (!tab.attached) return;
    // The engine goes on counting its generations: rows of the query before are told apart.
    if (known) this.toEngine(tab, known, (view) => ({ kind: 'open', view, query }));
    else this.openInEngine(tab, own);
  }

  private openInEngine(tab: Tab, own: number): void {
    const view = tab.views.get(own)!;
    view.number = this.number(tab, own);
    this.parts.ask({ kind: 'open', view: view.number, query: view.query });
    this.parts.ask({ kind: 'window', view: view.number, first: view.first, last: view.last });
  }

  private window(tab: Tab, own: number, first: number, last: number): void {
    const view = tab.views.get(own);
    if (!view) return;
    view.first = first;
    view.last = last;
    this.toEngine(tab, view, (number) => ({ kind: 'window', view: number, first, last }));
  }

  private follow(tab: Tab, own: number, pattern: string): void {
    this.unfollow(tab, own);
    tab.follows.set(own, { number: 0, pattern });
    if (tab.attached) this.followInEngine(tab, own);
  }

  private followInEngine(tab: Tab, own: number): void {
    const followed = tab.follows.get(own)!;
    followed.number = this.number(tab, own);
    this.parts.ask({ kind: 'follow', follow: followed.number, pattern: followed.pattern });
  }

  private unfollow(tab: Tab, own: number): void {
    const followed = tab.follows.get(own);
    if (!followed) return;
    this.toEngine(tab, followed, (follow) => ({ kind: 'unfollow', follow }));
    this.owners.delete(followed.number);
    tab.follows.delete(own);
  }

  // --- who is seen ------------------------------------------------------------------------------------------------

  private look(): void {
    const seen = [...this.tabs.values()].some((tab) => tab.visible);
    this.parts.ask({ kind: 'visible', on: seen });
    for (const tab of this.tabs.values()) {
      const sleepy = seen && !tab.visible && tab.attached;
      if (!sleepy) {
        tab.cancelSleep?.();
        tab.cancelSleep = undefined;
      } else {
        tab.cancelSleep ??= this.parts.clock.after(HIDDEN_MS, () => this.detach(tab));
      }
      if (tab.visible) this.attach(tab);
    }
  }
}
