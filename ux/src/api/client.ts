/**
 * One request to the server: the only place that knows paths, headers and credentials.
 * Runs in the page and in the worker. Never uses the browser's own credentials, so that no login dialogue of the browser
 * appears and no cookie is sent.
 */
import { noAnswer, problemFrom, RequestError } from './errors';
import { sendWatched, type Sent } from './sending';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Pairs = readonly (readonly [string, string])[];

export interface Options {
  query?: Pairs;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** instead of the session's token */
  authorization?: string;
  /** is told how much of the body is sent */
  sent?: Sent;
}

export interface Answer<T = unknown> {
  status: number;
  headers: Headers;
  body: T;
}

export interface Freshness {
  /** seconds; undefined: the answer is about this server alone, or nobody knows */
  age: number | undefined;
  /** owner that is not in touch -> age in seconds */
  stale: Record<string, number>;
}

export interface Piece {
  bytes: Uint8Array;
  /** where the piece begins in the whole */
  first: number;
  /** length of the whole */
  total: number;
  /** whether the server kept to the range; if not, the piece is the beginning of the whole */
  ranged: boolean;
}

const API = '/api/v3/';
const UNRESERVED = /[^A-Za-z0-9\-_.!~*'(),:@/$;]/gu;

function encoded(character: string): string {
  return Array.from(new TextEncoder().encode(character), (byte) => '%' + byte.toString(16).toUpperCase().padStart(2, '0')).join('');
}

/** Percent-encodes what must be, and nothing else: the address is meant to be read by people. */
export function encodeQuery(text: string): string {
  return text.replace(UNRESERVED, encoded);
}

export function queryText(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${encodeQuery(name)}=${encodeQuery(value)}`).join('&');
}

/** `machines`, `machines/a%2Fb`: path segments, each encoded. */
export function path(...segments: string[]): string {
  return segments.map(encodeURIComponent).join('/');
}

/** `OWNER;age=SECONDS, ...` */
export function parseStale(header: string): Record<string, number> {
  const stale: Record<string, number> = {};
  for (const part of header.split(',')) {
    const [owner, age] = part.trim().split(';age=');
    if (owner && age !== undefined) stale[owner] = Number.parseFloat(age);
  }
  return stale;
}

export function freshnessOf(headers: { get(name: string): string | null }): Freshness {
  const age = headers.get('X-Mullion-Age');
  return { age: age === null ? undefined : Number.parseFloat(age), stale: parseStale(headers.get('X-Mullion-Stale') ?? '') };
}

/** Base64 of UTF-8: `btoa` alone refuses what is not Latin-1. */
export function basicAuthorization(user: string, password: string): string {
  return 'Basic ' + btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)));
}

export class Client {
  constructor(
    private readonly token: () => string,
    private readonly send: typeof fetch = (...args) => fetch(...args),
    private readonly refused: (token: string) => void = () => {},
    private readonly watched: typeof sendWatched = sendWatched,
  ) {}

  /** The login that a request was refused for is still the present one; of an earlier one nobody wants to know. */
  private noteRefusal(response: Response, used: string): void {
    if (response.status === 401 && used === this.token()) this.refused(used);
  }

  private sendOne(address: string, sent: Sent | undefined, init: RequestInit): Promise<Response> {
    return sent ? this.watched(address, init, sent) : this.send(address, init);
  }

  /** Status and body of one exchange; throws RequestError for answers that never came. */
  private async exchange<T>(method: Method, target: string, options: Options, read: (response: Response) => Promise<T>): Promise<{ response: Response; body: T }> {
    const query = options.query && options.query.length > 0 ? '?' + queryText(options.query) : '';
    const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
    const authorization = options.authorization ?? (this.token() ? `Bearer ${this.token()}` : '');
    if (authorization) headers['Authorization'] = authorization;
    // A file goes as it is, never through memory as a whole.
    const raw = typeof Blob !== 'undefined' && options.body instanceof Blob;
    if (options.body !== undefined) headers['Content-Type'] ??= raw ? 'application/octet-stream' : 'application/json';
    try {
      const response = await this.sendOne((target.startsWith('/') ? target : API + target) + query, options.sent, {
        method,
        headers,
        credentials: 'omit',
        cache: 'no-store',
        redirect: 'error',
        ...(options.body !== undefined ? { body: raw ? (options.body as Blob) : JSON.stringify(options.body) } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      return { response, body: await read(response) };
    } catch (failure) {
      if (options.signal?.aborted) throw failure;
      throw new RequestError(noAnswer(failure instanceof Error ? failure.message : String(failure)));
    }
  }

  /** Throws RequestError for what the server refuses and for answers that never came. A Blob is sent as it is. */
  async request<T = unknown>(method: Method, target: string, options: Options = {}): Promise<Answer<T>> {
    const used = this.token();
    const { response, body: text } = await this.exchange(method, target, options, (answer) => (method === 'HEAD' ? Promise.resolve('') : answer.text()));
    if (options.authorization === undefined) this.noteRefusal(response, used);
    if (!response.ok) throw new RequestError(problemFrom(response.status, response.headers, text));
    return { status: response.status, headers: response.headers, body: parsed(text) as T };
  }

  /**
   * A piece of a body that is bytes: `range` as in the header (`bytes=-4096`, `bytes=100-`). A server that knows no ranges
   * sends all of it, of which at most `most` bytes are read; nothing behind the end is an empty piece.
   */
  async bytes(target: string, range: string, most: number, signal?: AbortSignal): Promise<Piece> {
    const options: Options = { headers: { Accept: 'application/octet-stream', Range: range }, ...(signal ? { signal } : {}) };
    const used = this.token();
    const { response, body } = await this.exchange('GET', target, options, (answer) => firstBytes(answer, most));
    this.noteRefusal(response, used);
    const total = /\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1];
    if (response.status === 416) return { bytes: new Uint8Array(), first: Number(total ?? 0), total: Number(total ?? 0), ranged: true };
    if (!response.ok) throw new RequestError(problemFrom(response.status, response.headers, new TextDecoder().decode(body.bytes)));
    const length = Number(response.headers.get('Content-Length') ?? Number.NaN);
    const first = Number(/bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? 0);
    return { bytes: body.bytes, first, total: total !== undefined ? Number(total) : Number.isNaN(length) ? body.bytes.length : length, ranged: response.status === 206 };
  }

  async get<T = unknown>(target: string, query: Pairs = [], signal?: AbortSignal): Promise<T> {
    return (await this.request<T>('GET', target, signal ? { query, signal } : { query })).body;
  }

  /** How many objects of a collection a query finds. */
  async count(prefix: string, query: Pairs, signal?: AbortSignal): Promise<number> {
    const answer = await this.request('HEAD', prefix, signal ? { query, signal } : { query });
    return Number.parseInt(answer.headers.get('X-DRP-LIST-FILTER-COUNT') ?? '0', 10);
  }
}

function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Reads at most `most` bytes of a body and gives up the rest. */
async function firstBytes(response: Response, most: number): Promise<{ bytes: Uint8Array }> {
  const reader = response.body?.getReader();
  if (!reader) return { bytes: new Uint8Array(await response.arrayBuffer()).slice(0, most) };
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < most) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
  }
  if (length >= most) await reader.cancel();
  const bytes = new Uint8Array(Math.min(length, most));
  let at = 0;
  for (const part of parts) {
    bytes.set(part.subarray(0, bytes.length - at), at);
    at = Math.min(at + part.length, bytes.length);
  }
  return { bytes };
}
