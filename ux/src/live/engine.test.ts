import { beforeEach, describe, expect, test } from 'vitest';
import { Client } from '../api/client';
import { Engine, patternMatcher } from './engine';
import { ageOf, oldest, secondsSince, skewFrom } from './freshness';
import { MOST_PAGES, Pages } from './pages';
import type { Patch, ViewQuery } from './protocol';
import { escapePattern } from './socket';
import { FakeClock, FakeSocket, last, settle } from './testing';

interface Asked { url: string; answer(rows: unknown[], headers?: Record<string, string>): Promise<void>; fail(status: number): Promise<void>; aborted: boolean }

let clock: FakeClock;
let sockets: FakeSocket[];
let asked: Asked[];
let patches: Patch[];
let engine: Engine;

function made(): Engine {
  const send = ((url: string, init: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      const entry: Asked = {
        url,
        aborted: false,
        answer: async (rows, headers = {}) => {
          const count = String(rows.length);
          resolve(new Response(init.method === 'HEAD' ? null : JSON.stringify(rows), { headers: { 'X-DRP-LIST-FILTER-COUNT': count, 'X-DRP-LIST-TOTAL-COUNT': count, ...headers } }));
          await settle();
        },
        fail: async (status) => {
          resolve(new Response('{}', { status }));
          await settle();
        },
      };
      init.signal?.addEventListener('abort', () => {
        entry.aborted = true;
        reject(new DOMException('aborted', 'AbortError'));
      });
      asked.push(entry);
    })) as typeof fetch;
  return new Engine({
    client: new Client(() => 't', send),
    connect: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    clock,
    random: () => 0.5,
    wallClock: () => 0,
    send: (patch) => patches.push(patch),
  });
}

const QUERY: ViewQuery = { prefix: 'machines', pairs: [['Stage', 'x']], columns: ['Name'], key: 'Uuid', slim: ['Params', 'Meta'] };
const row = (at: number) => ({ Uuid: `u${at}`, Name: `m${at}`, Endpoint: '' });
const rowPatches = () => patches.filter((patch) => patch.kind === 'rows');

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  asked = [];
  patches = [];
  engine = made();
  engine.ask({ kind: 'session', token: 't', features: [] });
  sockets[0]!.onopen?.();
});

describe('a view', () => {
  test('follows first and asks then; only shown members cross', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    expect(sockets[0]!.sent).toEqual(['register machines.create,delete.*']);
    expect(asked[0]!.url).toBe('/api/v3/machines?Stage=x&limit=100&slim=Params,Meta');
    await asked[0]!.answer([{ ...row(1), Secret: 'no' }], { 'X-Mullion-Age': '2', 'X-Mullion-Stale': 'B;age=720' });
    expect(last(rowPatches())).toMatchObject({ found: 1, age: 2, stale: { B: 720 }, rows: [[0, { key: 'u1', owner: '', values: { Name: 'm1' } }]] });
    expect(JSON.stringify(rowPatches())).not.toContain('Secret');
    expect(sockets[0]!.sent).toContain('register machines.update,save.u1');
  });

  test('asks for fields where the server can', async () => {
    engine.ask({ kind: 'session', token: 't', features: ['ux-fields'] });
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await clock.advance(0);
    expect(last(asked).url).toContain('fields=Uuid,Endpoint,Name');
  });

  test('leaves nothing registered behind', async () => {
    for (let view = 1; view < 20; view++) {
      engine.ask({ kind: 'open', view, query: QUERY });
      await last(asked).answer([row(1), row(2)]);
    }
    engine.ask({ kind: 'follow', follow: 90, pattern: 'jobs.*.*' });
    for (let view = 1; view < 20; view++) engine.ask({ kind: 'close', view });
    engine.ask({ kind: 'unfollow', follow: 90 });
    expect(engine.registrations).toBe(0);
    const open = new Map<string, number>();
    for (const frame of sockets[0]!.sent) {
      const [verb, pattern] = frame.split(' ') as [string, string];
      open.set(pattern, (open.get(pattern) ?? 0) + (verb === 'register' ? 1 : -1));
    }
    expect([...open.values()].every((count) => count === 0)).toBe(true);
  });

  test('drops answers of an older query', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    engine.ask({ kind: 'open', view: 1, query: { ...QUERY, pairs: [['Stage', 'y']] } });
    expect(asked[0]!.aborted).toBe(true);
    await asked[1]!.answer([row(2)]);
    await asked[0]!.answer([row(1)]);
    expect(rowPatches()).toHaveLength(1);
    expect(last(rowPatches()).rows[0]![1].key).toBe('u2');
  });

  test('a flood becomes at most four patches a second, the newest state wins', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.answer([row(1)]);
    patches = [];
    for (let at = 0; at < 4000; at++) {
      sockets[0]!.event('machines', 'update', 'u1', { ...row(1), Name: `n${at}` });
      if (at % 40 === 39) await clock.advance(10);
    }
    await clock.advance(250);
    expect(rowPatches().length).toBeLessThanOrEqual(6);
    expect(last(rowPatches()).rows[0]![1].values['Name']).toBe('n3999');
  });

  test('events of another owner with the same key leave a row alone', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.answer([{ ...row(1), Endpoint: 'A' }]);
    patches = [];
    sockets[0]!.event('machines', 'update', 'u1', { ...row(1), Endpoint: 'B', Name: 'other' });
    await clock.advance(300);
    expect(rowPatches()).toEqual([]);
  });

  test('created rows wait; deleted rows stay in place, struck', async () => {
    engine.ask({ kind: 'open', view: 1, query: { ...QUERY, pairs: [] } });
    await asked[0]!.answer([row(1), row(2)]);
    patches = [];
    sockets[0]!.event('machines', 'create', 'u9', row(9));
    sockets[0]!.event('machines', 'delete', 'u1', row(1));
    await clock.advance(300);
    expect(last(rowPatches())).toMatchObject({ waiting: 1, rows: [[0, { key: 'u1', gone: true }]] });
    await clock.advance(8000);
    expect(last(asked).url).toBe('/api/v3/machines');
  });

  test('whether a new object fits the filters is the server’s to say', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.answer([row(1)]);
    sockets[0]!.event('machines', 'create', 'u9', row(9));
    await clock.advance(300);
    expect(last(rowPatches()).waiting).toBe(0);
    await clock.advance(8000);
    expect(last(asked).url).toBe('/api/v3/machines?Stage=x');
    await last(asked).answer([1, 2]);
    await clock.advance(300);
    expect(last(rowPatches())).toMatchObject({ found: 2, waiting: 1 });
  });

  test('a refusal is told, and the rows stay', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.fail(406);
    expect(last(patches)).toMatchObject({ kind: 'failed', view: 1, problem: { status: 406 } });
  });

  test('a window far away asks for its page alone', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.answer(Array.from({ length: 100 }, (_, at) => row(at)), { 'X-DRP-LIST-FILTER-COUNT': '1000000' });
    engine.ask({ kind: 'window', view: 1, first: 900_010, last: 900_040 });
    expect(last(asked).url).toContain('offset=900000');
    expect(asked).toHaveLength(2);
  });
});

describe('the socket', () => {
  test('comes back by itself, registers again, and what is visible is asked again', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.answer([row(1)]);
    sockets[0]!.onclose?.({ code: 1006 });
    await clock.advance(300);
    expect(last(patches.filter((patch) => patch.kind === 'socket')).state).toBe('down');
    await clock.advance(2000);
    expect(sockets).toHaveLength(2);
    const before = asked.length;
    sockets[1]!.onopen?.();
    expect(sockets[1]!.sent).toContain('register machines.create,delete.*');
    expect(asked.length).toBeGreaterThan(before);
  });

  test('closed for reading too slowly: asks every 5 s instead', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.answer([row(1)]);
    sockets[0]!.onclose?.({ code: 1008 });
    await clock.advance(16_000);
    expect(sockets).toHaveLength(1);
    expect(last(patches.filter((patch) => patch.kind === 'socket')).state).toBe('polling');
    expect(asked.length).toBeGreaterThan(1);
  });

  test('a hidden tab lets go after a minute', async () => {
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    await asked[0]!.answer([row(1)]);
    engine.ask({ kind: 'visible', on: false });
    await clock.advance(61_000);
    const before = asked.length;
    await clock.advance(60_000);
    expect(asked.length).toBe(before);
    engine.ask({ kind: 'visible', on: true });
    expect(sockets.length).toBe(2);
  });

  test('a server that offers it says itself how many there are: nothing is asked for that', async () => {
    engine.ask({ kind: 'session', token: 't', features: ['ux-watch'] });
    engine.ask({ kind: 'open', view: 7, query: QUERY });
    expect(sockets[0]!.sent).toContain('watch 7 machines?Stage=x');
    // At once, before the list is there: that is no change.
    sockets[0]!.event('view', 'changed', '7', { Count: 1, Total: 9, Keys: [], More: false });
    await last(asked).answer([row(1)]);
    expect(last(rowPatches())).toMatchObject({ found: 1, waiting: 0 });
    sockets[0]!.event('machines', 'create', 'u9', row(9));
    sockets[0]!.event('view', 'changed', '7', { Count: 5, Total: 9, Keys: ['u9'], More: false });
    await clock.advance(10_000);
    expect(last(rowPatches())).toMatchObject({ found: 5, waiting: 4 });
    expect(asked).toHaveLength(1);
    engine.ask({ kind: 'close', view: 7 });
    expect(sockets[0]!.sent).toContain('unwatch 7');
  });

  test('what changes behind the end of the screen is told: counts beside the list follow it', async () => {
    engine.ask({ kind: 'session', token: 't', features: ['ux-watch'] });
    engine.ask({ kind: 'open', view: 7, query: QUERY });
    sockets[0]!.event('view', 'changed', '7', { Count: 500, Total: 900, Keys: [], More: false });
    await last(asked).answer([row(1)], { 'X-DRP-LIST-FILTER-COUNT': '500' });
    await clock.advance(1000);
    const before = rowPatches().length;
    sockets[0]!.event('view', 'changed', '7', { Count: 500, Total: 900, Keys: ['u400'], More: false });
    await clock.advance(1000);
    expect(rowPatches().length).toBe(before + 1);
    expect(last(rowPatches())).toMatchObject({ found: 500, waiting: 0, rows: [] });
  });

  test('a view that is not watched any more is counted again', async () => {
    engine.ask({ kind: 'session', token: 't', features: ['ux-watch'] });
    engine.ask({ kind: 'open', view: 7, query: QUERY });
    await last(asked).answer([row(1)]);
    sockets[0]!.event('view', 'error', '7', 'too many views');
    sockets[0]!.event('machines', 'create', 'u9', row(9));
    await clock.advance(8000);
    expect(last(asked).url).toBe('/api/v3/machines?Stage=x');
    expect(asked).toHaveLength(2);
  });
});

describe('after a cut', () => {
  const FEATURES = ['ux-watch', 'event-resume'];
  const ALL: ViewQuery = { ...QUERY, pairs: [] };
  const cut = async (code = 1006) => {
    last(sockets).onclose?.({ code });
    await clock.advance(2000);
    last(sockets).onopen?.();
  };

  beforeEach(async () => {
    engine.ask({ kind: 'session', token: 't', features: FEATURES });
    engine.ask({ kind: 'follow', follow: 9, pattern: 'machines.*.*' });
    engine.ask({ kind: 'open', view: 1, query: ALL });
    sockets[0]!.told('resume', '', { Cursor: 'a-1', Missed: 0 });
    sockets[0]!.event('view', 'changed', '1', { Count: 2, Total: 2, Keys: [], More: false });
    await asked[0]!.answer([row(1), row(2)]);
    patches = [];
  });

  test('what was missed is told, by patches as always, and nothing is asked again', async () => {
    await cut();
    expect(last(sockets).sent[0]!.split('\n')).toEqual(['resume a-1', 'machines.*.*', 'machines.create,delete.*', 'machines.update,save.u1,u2']);
    last(sockets).event('machines', 'update', 'u2', { ...row(2), Name: 'while away' }, 'a-2');
    last(sockets).event('machines', 'create', 'u3', row(3), 'a-3');
    last(sockets).told('resume', 'a-1', { Cursor: 'a-3', Missed: 2 });
    expect(last(sockets).sent).toContain('watch 1 machines?');
    last(sockets).event('view', 'changed', '1', { Count: 3, Total: 3, Keys: [], More: false });
    await clock.advance(10_000);
    expect(asked).toHaveLength(1);
    const seen = patches.flatMap((patch) => (patch.kind === 'events' ? patch.events.map((event) => event.Key) : []));
    expect(seen).toEqual(['u2', 'u3']);
    expect(rowPatches().flatMap((patch) => patch.rows).map(([at, shown]) => [at, shown.values['Name']])).toEqual([[1, 'while away']]);
    expect(last(rowPatches())).toMatchObject({ found: 3, waiting: 1 });
    expect(patches.some((patch) => patch.kind === 'missed')).toBe(false);
  });

  test('what cannot be had any more is asked for, behind the events that came before', async () => {
    sockets[0]!.event('machines', 'update', 'u1', row(1), 'a-2');
    await cut();
    last(sockets).told('error', 'resume a-2', 'Cannot resume');
    expect(asked).toHaveLength(1);
    last(sockets).told('resume', '', { Cursor: 'b-1', Missed: 0 });
    expect(asked).toHaveLength(2);
    const kinds = patches.map((patch) => patch.kind).filter((kind) => kind === 'events' || kind === 'missed');
    expect(kinds).toEqual(['events', 'missed']);
  });

  test('an object that was deleted and made anew has its row, and waits for nobody', async () => {
    await cut();
    last(sockets).event('machines', 'delete', 'u1', row(1), 'a-2');
    last(sockets).event('machines', 'create', 'u1', { ...row(1), Name: 'again' }, 'a-3');
    last(sockets).told('resume', 'a-1', { Cursor: 'a-3', Missed: 2 });
    await clock.advance(300);
    const { rows, waiting } = last(rowPatches());
    expect([rows, waiting]).toEqual([[[0, { key: 'u1', owner: '', values: { Name: 'again' } }]], 0]);
  });

  test('a connection that does not come back: lists are asked for without it after half a minute', async () => {
    last(sockets).onclose?.({ code: 1006 });
    await clock.advance(25_000);
    expect(asked).toHaveLength(1);
    await clock.advance(10_000);
    expect(asked.length).toBeGreaterThan(1);
  });

  test('closed for reading too slowly: the same is not asked for once more', async () => {
    last(sockets).onclose?.({ code: 1008 });
    engine.ask({ kind: 'live', on: true });
    last(sockets).onopen?.();
    expect(last(sockets).sent[0]).toMatch(/^resume\n/);
    last(sockets).told('resume', '', { Cursor: 'a-9', Missed: 0 });
    expect(patches.some((patch) => patch.kind === 'missed')).toBe(true);
  });

  test('a pause is told afterwards', async () => {
    engine.ask({ kind: 'live', on: false });
    engine.ask({ kind: 'live', on: true });
    last(sockets).onopen?.();
    expect(last(sockets).sent[0]).toMatch(/^resume a-1\n/);
  });

  test('another login does not go on where the one before was', async () => {
    engine.ask({ kind: 'session', token: '', features: [] });
    engine.ask({ kind: 'session', token: 'u', features: FEATURES });
    last(sockets).onopen?.();
    expect(last(sockets).sent[0]).toMatch(/^resume\n/);
  });
});

describe('the same in two tabs', () => {
  const seen = (view: number) => rowPatches().filter((patch) => patch.view === view);
  const watched = (view: number, count: number, keys: string[] = []) => sockets[0]!.event('view', 'changed', String(view), { Count: count, Total: count, Keys: keys, More: false });

  beforeEach(async () => {
    engine.ask({ kind: 'session', token: 't', features: ['ux-watch'] });
    engine.ask({ kind: 'open', view: 1, query: QUERY });
    watched(1, 2);
    await asked[0]!.answer([row(1), row(2)]);
  });

  test('is asked for once while nothing happened to it', () => {
    engine.ask({ kind: 'open', view: 2, query: { ...QUERY } });
    expect(asked).toHaveLength(1);
    expect(last(seen(2))).toMatchObject({ found: 2, rows: [[0, { key: 'u1' }], [1, { key: 'u2' }]] });
  });

  test('is followed by each: rows that one asks for again do not move in the other', async () => {
    engine.ask({ kind: 'open', view: 2, query: { ...QUERY } });
    engine.ask({ kind: 'refresh', view: 2 });
    await asked[1]!.answer([row(2), row(1)]);
    patches = [];
    sockets[0]!.event('machines', 'update', 'u1', { ...row(1), Name: 'new' });
    await clock.advance(300);
    expect([last(seen(1)).rows[0]![0], last(seen(2)).rows[0]![0]]).toEqual([0, 1]);
  });

  test.each<[string, () => void]>([
    ['a row changed', () => sockets[0]!.event('machines', 'update', 'u1', row(1))],
    ['a row came', () => sockets[0]!.event('machines', 'create', 'u9', row(9))],
    ['the server says that something changed', () => watched(1, 2, ['u7'])],
    ['the number is another one', () => watched(1, 3)],
    ['the connection is cut', () => sockets[0]!.onclose?.({ code: 1006 })],
  ])('is asked for again after %s', (_what, happens) => {
    happens();
    engine.ask({ kind: 'open', view: 2, query: { ...QUERY } });
    expect(asked).toHaveLength(2);
  });

  test('is asked for again where an owner is not in touch: its age is another one now', async () => {
    engine.ask({ kind: 'open', view: 3, query: { ...QUERY, pairs: [] } });
    await last(asked).answer([row(1)], { 'X-Mullion-Stale': 'B;age=720' });
    engine.ask({ kind: 'open', view: 4, query: { ...QUERY, pairs: [] } });
    expect(asked).toHaveLength(3);
  });
});

test('followers get a bounded number of events and are told what was left out', async () => {
  engine.ask({ kind: 'follow', follow: 1, pattern: '*.*.*' });
  for (let at = 0; at < 800; at++) sockets[0]!.event('jobs', 'save', `j${at}`);
  await clock.advance(300);
  const patch = last(patches.filter((known) => known.kind === 'events'));
  expect([patch.events.length, patch.dropped]).toEqual([500, 300]);
});

test('patterns mean what the server takes them for', () => {
  const event = { Time: '', Type: 'machines', Action: 'update', Key: 'a.b,c*', Principal: '', Object: null, Original: null };
  expect(patternMatcher(`machines,jobs.update.${escapePattern('a.b,c*')}`)(event)).toBe(true);
  expect(patternMatcher('machines.*.other')(event)).toBe(false);
  expect(patternMatcher('*.*.*')(event)).toBe(true);
});

test('pages forget the least recently shown', () => {
  const pages = new Pages();
  for (let page = 0; page < MOST_PAGES; page++) pages.put(page, []);
  pages.get(0);
  pages.put(1000, []);
  expect([pages.has(0), pages.has(1), pages.size]).toEqual([true, false, MOST_PAGES]);
  expect(Pages.covering(95, 205)).toEqual([0, 1, 2]);
  expect(Pages.covering(0, 1e9)).toHaveLength(MOST_PAGES);
});

test('ages', () => {
  expect(ageOf(2, 0, true)).toEqual({ kind: 'fresh' });
  expect(ageOf(2, 6, true)).toEqual({ kind: 'late', seconds: 8 });
  expect(ageOf(20, 0, true).kind).toBe('stale');
  expect(ageOf(1, 0, false)).toEqual({ kind: 'stale', seconds: 1 });
  expect(ageOf(undefined, 0, false)).toEqual({ kind: 'unknown' });
  expect(oldest({ A: 5, B: 720 })).toEqual({ owner: 'B', seconds: 720, others: 1 });
  expect(oldest({})).toBeUndefined();
  expect(secondsSince('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:10Z'), -4000)).toBe(6);
  expect(secondsSince('0001-01-01T00:00:00Z', 0, 0)).toBeUndefined();
  expect(skewFrom('Thu, 01 Jan 2026 00:01:00 GMT', Date.parse('2026-01-01T00:00:00Z'), Date.parse('2026-01-01T00:00:00Z'))).toBe(60_500);
});
