/**
 * What a tab does in the network for the worker of all. Chromium refuses shared workers new connections to servers whose certificate
 * somebody accepted by hand, and websockets to those of the local network; a worker of a tab may make both. Each errand has a line of its
 * own, on which its answer comes, and anything that is said against it ends it.
 */
import type { SocketLike } from './socket';

export type Errand = { kind: 'dial'; address: string; protocols: string[] } | { kind: 'fetch'; address: string; init: RequestInit };

/** What is said of a websocket to the worker of all, and back. */
export type Carried = { kind: 'open' } | { kind: 'text'; text: string } | { kind: 'closed'; code: number };
export type Carry = { kind: 'send'; text: string } | { kind: 'close' };

export type Fetched = { kind: 'answer'; status: number; headers: [string, string][]; body: ReadableStream<Uint8Array> | null } | { kind: 'failed'; why: string };

/** The part of a MessagePort that is used. */
export interface Line<In, Out> {
  postMessage(message: Out, transfer?: Transferable[]): void;
  onmessage: ((message: MessageEvent<In>) => void) | null;
}

/** What is under way at a tab: `lost` when the tab is gone. */
export interface UnderWay {
  lost(): void;
}

export interface Errands {
  /** Has a tab run it; undefined: there is none. `way` is told when that tab is gone. */
  errand(errand: Errand, way: UnderWay): Line<never, never> | undefined;
  /** Its end came, or nobody waits for it any more. */
  ended(way: UnderWay): void;
}

const NO_CONNECTION = 1006;

/** A websocket that a tab holds. */
export class RelayedSocket implements SocketLike, UnderWay {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  private readonly line: Line<Carried, Carry> | undefined;
  private ended = false;

  constructor(
    private readonly errands: Errands,
    address: string,
    protocols: string[],
  ) {
    this.line = errands.errand({ kind: 'dial', address, protocols }, this) as Line<Carried, Carry> | undefined;
    if (this.line) this.line.onmessage = ({ data }) => this.took(data);
    else queueMicrotask(() => this.lost());
  }

  send(text: string): void {
    this.line?.postMessage({ kind: 'send', text });
  }

  close(): void {
    this.end();
    this.line?.postMessage({ kind: 'close' });
  }

  lost(code = NO_CONNECTION): void {
    if (this.ended) return;
    this.end();
    this.onclose?.({ code });
  }

  private end(): void {
    this.ended = true;
    this.errands.ended(this);
  }

  private took(carried: Carried): void {
    if (this.ended) return;
    if (carried.kind === 'open') this.onopen?.();
    else if (carried.kind === 'text') this.onmessage?.({ data: carried.text });
    else this.lost(carried.code);
  }
}

/** Requests that a tab makes; they only read, so when the tab goes another one makes them again. */
export function relayedFetch(errands: Errands): typeof fetch {
  return (address, { signal, ...init } = {}) =>
    new Promise((resolve, reject) => {
      let line: Line<Fetched, 'abort'> | undefined;
      const way = { lost: () => go() };
      const go = () => {
        line = errands.errand({ kind: 'fetch', address: String(address), init }, way) as typeof line;
        if (!line) return reject(new TypeError('no tab is there to ask'));
        line.onmessage = ({ data }) => {
          errands.ended(way);
          if (data.kind === 'failed') reject(new TypeError(data.why));
          else resolve(new Response(data.body, { status: data.status, headers: data.headers }));
        };
      };
      signal?.addEventListener('abort', () => {
        errands.ended(way);
        line?.postMessage('abort');
        reject(new DOMException('aborted', 'AbortError'));
      });
      go();
    });
}

/** A websocket of this tab. */
export function carry(socket: SocketLike, line: Line<Carry, Carried>): void {
  socket.onopen = () => line.postMessage({ kind: 'open' });
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') line.postMessage({ kind: 'text', text: data });
  };
  socket.onclose = ({ code }) => line.postMessage({ kind: 'closed', code });
  line.onmessage = ({ data }) => {
    if (data.kind === 'send') socket.send(data.text);
    else socket.close();
  };
}

/** A request of this tab. */
export async function fetchFor(request: (init: RequestInit) => Promise<Response>, init: RequestInit, line: Line<'abort', Fetched>): Promise<void> {
  const abort = new AbortController();
  line.onmessage = () => abort.abort();
  try {
    const { status, headers, body } = await request({ ...init, signal: abort.signal });
    line.postMessage({ kind: 'answer', status, headers: [...headers], body }, body ? [body] : []);
  } catch (failure) {
    line.postMessage({ kind: 'failed', why: failure instanceof Error ? failure.message : String(failure) });
  }
}

/** Whether bodies can go from a tab to the worker of all. */
export function bodiesTravel(): boolean {
  try {
    const body = new ReadableStream();
    structuredClone(body, { transfer: [body] });
    return true;
  } catch {
    return false;
  }
}
