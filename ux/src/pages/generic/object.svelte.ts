/** One object as a page shows it: asked for, followed, and told apart from what others did meanwhile. */
import { freshnessOf, path, type Answer, type Pairs } from '../../api/client';
import { RequestError, type Problem } from '../../api/errors';
import type { TypeInfo } from '../../api/schema';
import { follow, ownProblem } from '../../live/bridge.svelte';
import { escapePattern } from '../../live/socket';
import type { LiveEvent } from '../../live/protocol';
import { ageOf, type Age } from '../../live/freshness';
import { sawObject } from '../../live/seen';
import { api, session } from '../../live/session.svelte';
import type { Outcome } from '../../api/outcome';
import { write, type Write } from '../../live/write';

export type Body = Record<string, unknown>;

/**
 * A write to an object of `owner` (empty: of this server), by the owner's own path: the plain path means the object of this
 * server where both have one with the same key.
 */
export async function writeTo(owner: string, asked: Write): Promise<Outcome> {
  const target = atOwner(owner, asked.target);
  const outcome = await write({ ...asked, target });
  if (target === asked.target) return outcome;
  const body = 'body' in outcome ? outcome.body : undefined;
  // An owner leaves its own name out.
  if ('body' in outcome && body !== null && typeof body === 'object' && !Array.isArray(body)) return { ...outcome, body: { ...body, Endpoint: owner } };
  return outcome;
}

/** Where an owner is asked itself, not its copy here. */
export function atOwner(owner: string, target: string): string {
  return owner === '' || owner === session.info?.id ? target : `/${encodeURIComponent(owner)}/api/v3/${target}`;
}

export class LiveObject {
  body = $state.raw<Body | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);
  age = $state.raw<Age>({ kind: 'fresh' });
  /** who changed it while it was open, newest */
  changedBy = $state('');
  gone = $state(false);
  private stop: (() => void) | undefined;
  private asked = 0;

  constructor(
    readonly type: TypeInfo,
    readonly key: string,
    readonly owner: string,
    private readonly query: Pairs = [],
  ) {}

  /** Follows first and asks then, so that nothing in between is missed. */
  open(): void {
    this.stop = follow(`${this.type.prefix}.*.${escapePattern(this.key)}`, (events, dropped) => this.events(events, dropped), () => void this.ask());
    void this.ask();
  }

  close(): void {
    this.stop?.();
    this.asked++;
  }

  async ask(): Promise<void> {
    const number = ++this.asked;
    try {
      const answer = await this.read();
      if (number !== this.asked) return;
      const { age, stale } = freshnessOf(answer.headers);
      const owner = String(answer.body['Endpoint'] ?? '');
      this.age = ageOf(stale[owner] ?? age, 0, !(owner in stale));
      this.body = answer.body;
      this.problem = undefined;
      sawObject(this.type.prefix, this.key, { name: String(answer.body['Name'] ?? this.key), owner, at: performance.now() });
    } catch (failure) {
      if (number === this.asked) this.problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
    }
  }

  /** With an owner it is one row of a list: that is answered from the replica, and no other owner's object can be meant. */
  private async read(): Promise<Answer<Body>> {
    if (this.owner === '') return api.request<Body>('GET', path(this.type.prefix, this.key), { query: this.query });
    const query: Pairs = [[this.type.key in this.type.indexes ? this.type.key : 'Key', `Eq(${this.key})`], ['Endpoint', `Eq(${this.owner})`], ...this.query];
    const answer = await api.request<Body[]>('GET', this.type.prefix, { query });
    const [body] = answer.body;
    if (!body) throw new RequestError({ status: 404, type: 'GET', model: this.type.prefix, key: this.key, messages: ['Not Found'], requestId: '' });
    return { ...answer, body };
  }

  /** What an answer of a write says it is now. */
  took(body: unknown): void {
    if (body !== null && typeof body === 'object' && !Array.isArray(body)) this.body = body as Body;
  }

  private events(events: LiveEvent[], dropped: number): void {
    if (dropped > 0) void this.ask();
    for (const event of events) {
      const object = (event.Object ?? {}) as Body;
      if (this.owner !== '' && String(object['Endpoint'] ?? '') !== this.owner) continue;
      if (event.Action === 'delete') this.gone = true;
      else if (event.Action === 'update' || event.Action === 'save') {
        this.changedBy = event.Principal.replace(/^user:/, '');
        this.body = object;
      }
    }
  }
}
