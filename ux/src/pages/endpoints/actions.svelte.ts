/** What can be done with an endpoint, wherever it is shown: one table of entries, and the writes behind them. */
import { path } from '../../api/client';
import { RequestError } from '../../api/errors';
import { shellWord } from '../../api/filters';
import type { Outcome } from '../../api/outcome';
import { claimSentence } from '../../api/rights';
import type { Info } from '../../api/types';
import { announce, notice } from '../../live/notices.svelte';
import { api, session } from '../../live/session.svelte';
import { awaited } from '../../parts/awaited.svelte';
import { changedCertificate, isReached, ownInterface, stateOf, type Endpoint } from '../../parts/endpoint';
import { estate } from '../../parts/estate.svelte';
import type { MenuEntry } from '../../parts/Menu.svelte';
import { pins } from '../../parts/pins.svelte';
import { objectHref } from '../../router';
import { en } from '../../text/en';
import { atOwner, writeTo } from '../generic/object.svelte';

const ANSWER_MS = 10_000;

export type Asked = 'accept' | 'remove';

/** Reason why a right is missing; empty when it is there. */
function whyNot(action: string, id: string): string {
  const may = session.may('endpoints', action, id);
  return may.yes || !session.capabilities ? '' : `You need: ${claimSentence(may.needed)}`;
}

export class EndpointActions {
  asked = $state<Asked | undefined>(undefined);
  subject = $state.raw<Endpoint | undefined>(undefined);
  outcome = $state.raw<Outcome | undefined>(undefined);
  busy = $state(false);
  /** machines whose copies go with it; undefined while they are counted */
  machines = $state<number | undefined>(undefined);

  constructor(private readonly changed: (what: Asked | 'apply') => void = () => {}) {}

  entries(endpoint: Endpoint | undefined, self: string): MenuEntry[] {
    if (!endpoint) return [];
    const { id, manager } = endpoint;
    const certificate = changedCertificate(endpoint);
    const update = whyNot('update', id);
    const far = manager !== self;
    const page = objectHref('endpoints', id, far ? manager : '');
    const own = ownInterface(endpoint.url);
    const touch = (estate.at(endpoint)?.state ?? stateOf(endpoint)).touch;
    const out = !isReached(touch) && touch !== 'off';
    const tab = (name: string) => `${page}${page.includes('?') ? '&' : '?'}_tab=${name}`;
    return [
      { label: 'Open', keys: 'Enter', href: page },
      { label: 'Machines there', href: `/ux/machines?Endpoint=${encodeURIComponent(id)}` },
      { label: 'Its own interface, in another tab', why: own ? '' : 'No address of it is known here', run: () => void window.open(own, '_blank', 'noopener,noreferrer') },
      { label: pins.has(id) ? 'Do not keep it at hand' : 'Keep it at hand', checked: pins.has(id), run: () => pins.toggle(id) },
      { label: awaited.has(id) ? 'Do not tell me when it is back' : 'Tell me when it is back', checked: awaited.has(id), why: out || awaited.has(id) ? '' : 'It is in touch', run: () => (awaited.has(id) ? awaited.forget(id) : awaited.add(id)) },
      { label: 'Ask it now', run: () => void this.askNow(id, tab('route')) },
      { label: 'Route', keys: 'l', href: tab('route') },
      { label: 'Plan', href: tab('plan') },
      { label: 'Edit its sets', href: tab('sets') },
      { label: endpoint.apply ? 'Pause applying' : 'Apply its sets', why: update, run: () => void this.setApply(endpoint, !endpoint.apply) },
      { label: 'Accept its certificate…', why: certificate ? update : 'It shows the certificate that is known', run: () => this.ask('accept', endpoint) },
      { label: 'Remove…', danger: true, why: whyNot('delete', id), run: () => this.ask('remove', endpoint) },
    ];
  }

  ask(what: Asked, endpoint: Endpoint): void {
    this.subject = endpoint;
    this.asked = what;
    this.outcome = undefined;
    this.machines = undefined;
    if (what === 'remove') api.count('machines', [['Endpoint', `Eq(${endpoint.id})`]]).then((count) => (this.machines = count), () => undefined);
  }

  close(): void {
    this.asked = undefined;
  }

  /** The endpoint itself, not what is known of it: whether it answers, and how long the whole way takes. */
  private async askNow(id: string, route: string): Promise<void> {
    const begun = performance.now();
    const tell = (text: string, link?: { href: string; action: string }) => {
      notice(text, link ? 'bad' : 'plain', link);
      announce(text);
    };
    try {
      const { version } = await api.get<Info>(atOwner(id, 'info'), [], AbortSignal.timeout(ANSWER_MS));
      tell(en.ask.answered(id, performance.now() - begun, version));
    } catch (failure) {
      tell(en.ask.silent(id, failure instanceof RequestError ? failure.problem.messages.join(' ') : en.ask.late(ANSWER_MS / 1000)), { href: route, action: 'Route' });
    }
  }

  async setApply(endpoint: Endpoint, on: boolean): Promise<Outcome> {
    return this.carryOut('apply', endpoint, {
      method: 'PATCH', target: path('endpoints', endpoint.id), what: `${on ? 'apply' : 'stop applying'} sets at ${endpoint.id}`,
      body: [{ op: 'add', path: '/Apply', value: on }],
    });
  }

  accept(endpoint: Endpoint, fingerprint: string): Promise<Outcome> {
    return this.carryOut('accept', endpoint, {
      method: 'POST', target: `${path('endpoints', endpoint.id)}/params/${path('manager/fingerprint')}`, body: fingerprint, what: `accept the certificate of ${endpoint.id}`,
    });
  }

  remove(endpoint: Endpoint): Promise<Outcome> {
    return this.carryOut('remove', endpoint, { method: 'DELETE', target: path('endpoints', endpoint.id), what: `remove endpoint ${endpoint.id}` });
  }

  private async carryOut(what: Asked | 'apply', endpoint: Endpoint, asked: Parameters<typeof writeTo>[1]): Promise<Outcome> {
    this.busy = true;
    const outcome = await writeTo(endpoint.manager, asked);
    this.busy = false;
    this.outcome = outcome;
    if (outcome.kind === 'done' || outcome.kind === 'pending') {
      this.asked = undefined;
      this.changed(what);
    }
    return outcome;
  }
}

export const acceptCommand = (id: string, fingerprint = ''): string => `mullion endpoints accept ${shellWord(id)}${fingerprint ? ` ${fingerprint}` : ''}`;
