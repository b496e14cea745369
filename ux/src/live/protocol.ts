/** What the page and the worker say to each other. Every message is plain data. */
import type { Problem } from '../api/errors';
import type { Event } from '../api/types';
import type { Tail } from './loglines';

/** An event of the server; `Event` is something else in a browser. */
export type LiveEvent = Event & {
  /** the place behind it, for readers that go on after a cut */
  Cursor?: string;
};

/** a connection that was cut comes back and goes on; only when it does not, lists are asked for without it */
export const PATIENCE_MS = 30_000;

export type ObjectBody = Record<string, unknown>;

/** One view: a collection, what of it, and which members cross to the page. */
export interface ViewQuery {
  prefix: string;
  /** filters, sort, search: the API's own pairs, without paging */
  pairs: [string, string][];
  /** members that the page shows */
  columns: string[];
  key: string;
  /** whether this type has Params and Meta, which a list leaves out when nobody shows them */
  slim: string[];
  /** oldest age accepted, seconds */
  maxAge?: number;
}

export interface Row {
  /** primary key */
  key: string;
  owner: string;
  /** the shown members only */
  values: ObjectBody;
  gone?: boolean;
}

export type Ask =
  | { kind: 'hello'; lock: string }
  | { kind: 'session'; user: string; token: string; features: string[] }
  | { kind: 'logout' }
  | { kind: 'open'; view: number; query: ViewQuery }
  | { kind: 'window'; view: number; first: number; last: number }
  | { kind: 'refresh'; view: number }
  | { kind: 'close'; view: number }
  | { kind: 'follow'; follow: number; pattern: string }
  | { kind: 'unfollow'; follow: number }
  | { kind: 'tails'; ask: number; jobs: { key: string; owner: string }[] }
  | { kind: 'live'; on: boolean }
  | { kind: 'visible'; on: boolean };

/** What the engine is asked: by numbers of views and followers that no two tabs share. */
export type EngineAsk = Exclude<Ask, { kind: 'hello' | 'logout' | 'session' | 'tails' }> | { kind: 'session'; token: string; features: string[] };

export type SocketState = 'connecting' | 'live' | 'paused' | 'polling' | 'down';

export type Patch =
  | {
      kind: 'rows';
      view: number;
      /** the query that these rows answer; older answers are dropped by the worker */
      generation: number;
      found: number;
      total: number;
      /** [index, row] */
      rows: [number, Row][];
      /** rows that came or moved, not shown until asked for */
      waiting: number;
      age?: number;
      stale: Record<string, number>;
    }
  | { kind: 'failed'; view: number; problem: Problem }
  | { kind: 'events'; follow: number; events: LiveEvent[]; dropped: number }
  /** something happened that nobody was told: what events keep current is to be asked for again */
  | { kind: 'missed' }
  /** the answer to `hello`: who is logged in in this browser, if anybody */
  | { kind: 'welcome'; user: string; token: string }
  | { kind: 'socket'; state: SocketState; delay?: number; rate: number; registrations: number }
  | { kind: 'tails'; ask: number; tails: Tail[] }
  | { kind: 'skew'; ms: number }
  /** `token`: which login was refused; without one whatever login there is has ended */
  | { kind: 'unauthorized'; token?: string };
