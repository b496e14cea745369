import { beforeEach, describe, expect, test } from 'vitest';
import { HIDDEN_MS } from './engine';
import { Hub, type Port } from './hub';
import type { Ask, EngineAsk, Patch, ViewQuery } from './protocol';
import { carry, fetchFor, RelayedSocket, relayedFetch, type Carried, type Carry, type Errand, type Fetched, type Line } from './relay';
import { FakeClock, FakeSocket, last, settle } from './testing';

class FakeTab implements Port {
  patches: Patch[] = [];
  errands: Errand[] = [];
  lines: Line<never, never>[] = [];
  said: unknown[] = [];
  constructor(private readonly name: string) {
    hub.ask(this, { kind: 'hello', lock: name });
  }
  send(patch: Patch): void {
    this.patches.push(patch);
  }
  ask(ask: Ask): void {
    hub.ask(this, ask);
  }
  errand(errand: Errand): Line<never, never> {
    this.errands.push(errand);
    const line: Line<never, never> = { postMessage: (said) => this.said.push(said), onmessage: null };
    this.lines.push(line);
    return line;
  }
  login(user = 'ann', token = `of ${user}`): this {
    this.ask({ kind: 'session', user, token, features: ['ux-watch'] });
    return this;
  }
  of<K extends Patch['kind']>(kind: K): Extract<Patch, { kind: K }>[] {
    return this.patches.filter((patch) => patch.kind === kind) as Extract<Patch, { kind: K }>[];
  }
  die(): void {
    gone.get(this.name)?.();
  }
}

let clock: FakeClock;
let asked: EngineAsk[];
let gone: Map<string, () => void>;
let hub: Hub;
let used: string;

/** Two ends: what is posted at one is heard at the other. */
function linePair<In, Out>(): [Line<In, Out>, Line<Out, In>] {
  const here: Line<In, Out> = { postMessage: (data) => there.onmessage?.({ data } as MessageEvent<Out>), onmessage: null };
  const there: Line<Out, In> = { postMessage: (data) => here.onmessage?.({ data } as MessageEvent<In>), onmessage: null };
  return [here, there];
}

const QUERY: ViewQuery = { prefix: 'machines', pairs: [], columns: ['Name'], key: 'Uuid', slim: [] };
const kinds = (kind: EngineAsk['kind']) => asked.filter((ask) => ask.kind === kind);
const rows = (view: number): Patch => ({ kind: 'rows', view, generation: 1, found: 1, total: 1, rows: [], waiting: 0, stale: {} });
const numberOf = (ask: EngineAsk | undefined) => (ask as { view: number }).view;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  gone = new Map();
  used = '';
  hub = new Hub({
    clock,
    ask: (ask) => asked.push(ask),
    readTails: (jobs) => Promise.resolve(jobs.map((job) => ({ ...job, line: 'x', kind: 'x' }))),
    use: (token) => (used = token),
    whenGone: (lock, run) => gone.set(lock, run),
  });
});

describe('what tabs show', () => {
  test('the same numbers in two tabs are two views, and each gets its own patches', () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    for (const tab of [one, two]) tab.ask({ kind: 'open', view: 7, query: QUERY });
    const [first, second] = kinds('open').map(numberOf);
    expect(first).not.toBe(second);
    hub.take(rows(second!));
    expect([one.of('rows'), two.of('rows').map(({ view }) => view)]).toEqual([[], [7]]);
  });

  test('events go to who follows, the state of the connection to all', () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    one.ask({ kind: 'follow', follow: 3, pattern: 'jobs.*.*' });
    hub.take({ kind: 'events', follow: (last(kinds('follow')) as { follow: number }).follow, events: [], dropped: 1 });
    hub.take({ kind: 'socket', state: 'live', rate: 1, registrations: 2 });
    expect([one.of('events').map(({ follow }) => follow), two.of('events')]).toEqual([[3], []]);
    expect([one.of('socket').length, two.of('socket').length]).toEqual([1, 1]);
    // Who comes later knows it too.
    expect(new FakeTab('3').of('socket')).toHaveLength(1);
  });

  test('what was asked before somebody is logged in is asked then; another query keeps its number', () => {
    const tab = new FakeTab('1');
    tab.ask({ kind: 'open', view: 1, query: QUERY });
    tab.ask({ kind: 'window', view: 1, first: 100, last: 120 });
    tab.ask({ kind: 'follow', follow: 2, pattern: 'jobs.*.*' });
    expect(kinds('open')).toEqual([]);
    tab.login();
    expect(kinds('window')).toMatchObject([{ first: 100, last: 120 }]);
    expect(kinds('follow')).toHaveLength(1);
    tab.ask({ kind: 'open', view: 1, query: { ...QUERY, prefix: 'jobs' } });
    expect(new Set(kinds('open').map(numberOf)).size).toBe(1);
  });

  test('a tab that goes, however it goes, leaves nothing behind', () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    one.ask({ kind: 'open', view: 1, query: QUERY });
    one.ask({ kind: 'follow', follow: 2, pattern: 'jobs.*.*' });
    one.die();
    expect([kinds('close').length, kinds('unfollow').length]).toEqual([1, 1]);
    expect(used).toBe('of ann');
    two.die();
    expect(used).toBe('');
    expect(last(kinds('session'))).toMatchObject({ token: '' });
  });

  test('ends of logs are for the tab that asked', async () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    two.ask({ kind: 'tails', ask: 5, jobs: [{ key: 'j', owner: '' }] });
    await settle();
    expect([one.of('tails').length, two.of('tails').map(({ ask }) => ask)]).toEqual([0, [5]]);
  });
});

describe('errands of all', () => {
  test('are run by a tab that is seen; when it goes, they are lost, and another may run them', () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    const nobody = new FakeTab('nobody is logged in there');
    one.ask({ kind: 'visible', on: false });
    const codes: number[] = [];
    const dial = () => Object.assign(new RelayedSocket(hub, 'wss://x', []), { onclose: ({ code }: { code: number }) => codes.push(code) });
    const closed = dial();
    closed.close();
    dial();
    one.die();
    expect(codes).toEqual([]);
    two.die();
    expect(codes).toEqual([1006]);
    const three = new FakeTab('3').login();
    dial();
    expect([one, two, three, nobody].map((tab) => tab.errands.length)).toEqual([0, 2, 1, 0]);
  });

  test('a websocket without a tab is one that cannot be had', async () => {
    const socket = new RelayedSocket(hub, 'wss://x', []);
    const code = new Promise((resolve) => (socket.onclose = (event) => resolve(event.code)));
    expect(await code).toBe(1006);
  });

  test('a request goes on in another tab, once', async () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    const answer = relayedFetch(hub)('/api/v3/info', { method: 'GET', headers: { A: 'b' } });
    const [first] = [one, two].filter((tab) => tab.errands.length === 1);
    first!.die();
    const other = first === one ? two : one;
    expect(other.errands).toMatchObject([{ kind: 'fetch', address: '/api/v3/info', init: { method: 'GET', headers: { A: 'b' } } }]);
    other.lines[0]!.onmessage!({ data: { kind: 'answer', status: 200, headers: [['X-A', 'b']], body: null } } as MessageEvent<never>);
    expect([(await answer).status, (await answer).headers.get('X-A')]).toEqual([200, 'b']);
    other.die();
  });

  test('nobody waits for an aborted one; one that fails says why; one without a tab fails', async () => {
    const one = new FakeTab('1').login();
    const abort = new AbortController();
    const aborted = relayedFetch(hub)('/a', { signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toThrow('aborted');
    expect(one.said).toEqual(['abort']);
    const failed = relayedFetch(hub)('/b');
    one.lines[1]!.onmessage!({ data: { kind: 'failed', why: 'refused' } } as MessageEvent<never>);
    await expect(failed).rejects.toThrow('refused');
    one.die();
    await expect(relayedFetch(hub)('/c')).rejects.toThrow('no tab');
  });

  test('what a tab is told of a websocket goes both ways, and nothing after its end', () => {
    const [here, there] = linePair<Carried, Carry>();
    const held = new FakeSocket();
    const heard: unknown[] = [];
    const socket = new RelayedSocket({ errand: () => here as never, ended: () => heard.push('ended') }, 'wss://x', []);
    Object.assign(socket, { onopen: () => heard.push('open'), onmessage: ({ data }: { data: unknown }) => heard.push(data), onclose: ({ code }: { code: number }) => heard.push(code) });
    carry(held, there);
    held.onopen?.();
    socket.send('register *.*.*');
    held.onmessage?.({ data: 'an event' });
    held.onmessage?.({ data: new ArrayBuffer(1) });
    held.onclose?.({ code: 1008 });
    held.onmessage?.({ data: 'late' });
    socket.lost();
    expect(held.sent).toEqual(['register *.*.*']);
    expect(heard).toEqual(['open', 'an event', 'ended', 1008]);
    socket.close();
    expect(held.closed).toBe(true);
  });

  test('a tab makes a request as it was asked to, and ends it when nobody waits', async () => {
    const [here, there] = linePair<Fetched, 'abort'>();
    const told: Fetched[] = [];
    here.onmessage = ({ data }) => told.push(data);
    await fetchFor(() => Promise.resolve(new Response('body', { status: 206, headers: { 'X-A': 'b' } })), {}, there);
    expect(told).toMatchObject([{ kind: 'answer', status: 206 }]);
    const under = fetchFor((init) => new Promise((_resolve, reject) => init.signal!.addEventListener('abort', () => reject(new Error('ended')))), {}, there);
    here.postMessage('abort');
    await under;
    expect(last(told)).toEqual({ kind: 'failed', why: 'ended' });
  });
});

describe('one login for all tabs', () => {
  test('a new tab is told who is logged in', () => {
    expect(new FakeTab('1').login().of('welcome')).toEqual([{ kind: 'welcome', user: '', token: '' }]);
    expect(new FakeTab('2').of('welcome')).toEqual([{ kind: 'welcome', user: 'ann', token: 'of ann' }]);
  });

  test('a tab that says that nobody is logged in there ends no login of others', () => {
    new FakeTab('1').login();
    new FakeTab('2').ask({ kind: 'session', user: '', token: '', features: [] });
    expect([used, new FakeTab('3').of('welcome')[0]!.user]).toEqual(['of ann', 'ann']);
  });

  test('a tab whose login ended is told nothing more and gives it to no other; the others go on', () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    for (const tab of [one, two]) tab.ask({ kind: 'open', view: 1, query: QUERY });
    two.ask({ kind: 'session', user: 'ann', token: '', features: [] });
    expect(kinds('close')).toHaveLength(1);
    expect(used).toBe('of ann');
    expect(new FakeTab('3').of('welcome')[0]!.user).toBe('');
    one.login('ann', 'renewed');
    expect(new FakeTab('4').of('welcome')[0]!.token).toBe('renewed');
    // It comes back, and asks for what it shows; what happened meanwhile it was not told.
    two.login();
    expect(kinds('open')).toHaveLength(3);
    expect(two.of('missed')).toHaveLength(1);
    expect(one.of('missed')).toHaveLength(0);
  });

  test('somebody else logs in: the others are asked to, and nothing of them is shown to nobody', () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2')];
    one.ask({ kind: 'open', view: 1, query: QUERY });
    two.login('bob');
    expect(one.of('unauthorized')).toHaveLength(1);
    expect(kinds('close')).toHaveLength(1);
    // The connection is made anew, with the rights of the other.
    expect(kinds('session').map((ask) => (ask as { token: string }).token)).toEqual(['of ann', '', 'of bob']);
  });

  test('logged out in one: nobody is, and a new tab has to log in', () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    two.ask({ kind: 'open', view: 1, query: QUERY });
    one.ask({ kind: 'logout' });
    expect([used, kinds('close').length, new FakeTab('3').of('welcome')[0]!.token]).toEqual(['', 1, '']);
  });
});

describe('tabs that nobody sees', () => {
  const hide = (tab: FakeTab, on = false) => tab.ask({ kind: 'visible', on });

  test('let go after a minute while another is seen, and ask again when they are', async () => {
    const [one, two] = [new FakeTab('1').login(), new FakeTab('2').login()];
    two.ask({ kind: 'open', view: 1, query: QUERY });
    hide(two);
    await clock.advance(HIDDEN_MS - 1000);
    expect(kinds('close')).toEqual([]);
    await clock.advance(2000);
    expect(kinds('close')).toHaveLength(1);
    hide(two, true);
    expect(kinds('open')).toHaveLength(2);
    expect(two.of('missed')).toHaveLength(1);
    expect(one.of('missed')).toHaveLength(0);
  });

  test('all of them keep what they show: the connection ends as a whole, and goes on as a whole', async () => {
    const tabs = [new FakeTab('1').login(), new FakeTab('2').login()];
    for (const tab of tabs) tab.ask({ kind: 'open', view: 1, query: QUERY });
    for (const tab of tabs) hide(tab);
    expect(last(kinds('visible'))).toEqual({ kind: 'visible', on: false });
    await clock.advance(2 * HIDDEN_MS);
    expect(kinds('close')).toEqual([]);
    hide(tabs[0]!, true);
    expect(last(kinds('visible'))).toEqual({ kind: 'visible', on: true });
    await clock.advance(2 * HIDDEN_MS);
    expect(kinds('close')).toHaveLength(1);
  });
});
