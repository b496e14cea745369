/**
 * "Tell me when it is back": kept in this browser, over reloads, and looked after by every tab of it, hidden ones too. It costs
 * requests only while somebody waits.
 */
import { follow } from '../live/bridge.svelte';
import { announce, notice } from '../live/notices.svelte';
import { api, session } from '../live/session.svelte';
import { navigate } from '../location.svelte';
import { objectHref } from '../router';
import { storedAwaited, toldOf, type Awaited, type Reach } from './awaited';
import { arrange, endpointOf, flatten, isReached } from './endpoint';
import { ownId } from './estate.svelte';

const STORED = 'mullion.awaited';
/** one tab finds out, the others are told */
const TOLD = 'mullion.back';
const ASK_MS = 10_000;
/** events come in groups: a manager brings everything below it back */
const SOON_MS = 500;
const MOST_LEVELS = 8;

type Body = Record<string, unknown>;

class AwaitedEndpoints {
  list = $state.raw<Awaited[]>(storedAwaited(localStorage.getItem(STORED)));
  private stops: (() => void)[] = [];
  private soon: ReturnType<typeof setTimeout> | undefined;

  has(id: string): boolean {
    return this.list.some((entry) => entry.id === id);
  }

  add(id: string): void {
    if (!this.has(id)) this.keep([...this.list, { id, asked: Date.now(), seenOut: false }]);
    // The browser asks only because somebody pressed something just now.
    if ('Notification' in window && Notification.permission === 'default') void Notification.requestPermission();
  }

  forget(id: string): void {
    this.keep(this.list.filter((entry) => entry.id !== id));
  }

  private keep(list: Awaited[]): void {
    this.list = list;
    localStorage.setItem(STORED, JSON.stringify(list));
  }

  /** For an effect, while somebody is logged in and waits. */
  watch(): () => void {
    const timer = setInterval(() => void this.ask(), ASK_MS);
    const soon = () => (this.soon ??= setTimeout(() => void this.ask(), SOON_MS));
    const stored = (event: StorageEvent) => this.elsewhere(event);
    window.addEventListener('storage', stored);
    this.stops = [follow('endpoints.update,save,delete.*', soon, soon), () => clearInterval(timer), () => window.removeEventListener('storage', stored)];
    soon();
    return () => {
      this.stops.forEach((stop) => stop());
      clearTimeout(this.soon);
      this.soon = undefined;
    };
  }

  private elsewhere(event: StorageEvent): void {
    if (event.key === STORED) this.list = storedAwaited(event.newValue);
    if (event.key === TOLD && event.newValue) this.say(JSON.parse(event.newValue) as string[]);
  }

  private async ask(): Promise<void> {
    clearTimeout(this.soon);
    this.soon = undefined;
    if (session.state !== 'open' || this.list.length === 0) return;
    const asked = this.list.map(({ id }) => id);
    const reach = await reachOf(asked).catch(() => undefined);
    if (!reach) return;
    const told = toldOf(this.list, reach, Date.now());
    const changed = told.still.length !== this.list.length || told.still.some((entry, at) => entry !== this.list[at]);
    if (changed) this.keep(told.still);
    for (const id of told.gone) notice(`${id} is no endpoint of this server any more`, 'bad');
    if (told.back.length === 0) return;
    localStorage.setItem(TOLD, JSON.stringify(told.back));
    localStorage.removeItem(TOLD);
    this.say(told.back);
    told.back.forEach(ofBrowser);
  }

  private say(ids: readonly string[]): void {
    for (const id of ids) notice(`${id} is back: what was refused there can be done now.`, 'plain', { href: objectHref('endpoints', id), action: `Open ${id}` });
    announce(`${ids.join(', ')} ${ids.length === 1 ? 'is' : 'are'} back`);
  }
}

/** Where the person allows it, beside the page: whoever waits looks at something else meanwhile. */
function ofBrowser(id: string): void {
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  try {
    const shown = new Notification(`${id} is back`, { body: `In touch again, seen from ${ownId()}`, tag: `mullion ${id}` });
    shown.onclick = () => {
      window.focus();
      navigate(objectHref('endpoints', id));
    };
  } catch {
    // Some browsers show notifications of service workers only: the notice in the page stays.
  }
}

/** How these are reached, by what their managers say and by how those are reached, level by level. */
async function reachOf(ids: readonly string[]): Promise<Map<string, Reach>> {
  const self = ownId();
  const found = new Map<string, Body>();
  let level = [...ids];
  for (let depth = 0; depth < MOST_LEVELS && level.length > 0; depth++) {
    const answer = await api.get<Body[]>('endpoints', [['Id', `In(${level.join(',')})`], session.features.includes('ux-fields') ? ['fields', 'Id,Endpoint,ConnectionStatus'] : ['slim', 'Params']]);
    for (const body of answer) found.set(`${String(body['Endpoint'] ?? '')}\n${String(body['Id'])}`, body);
    const known = new Set([...found.values()].map((body) => String(body['Id'])));
    level = [...new Set(answer.map((body) => String(body['Endpoint'] ?? '')))].filter((id) => id !== '' && id !== self && !known.has(id));
  }
  const nodes = flatten(arrange([...found.values()].map((body) => endpointOf({ ...body, Endpoint: String(body['Endpoint'] ?? '') || self })), self));
  return new Map(ids.map((id) => {
    const node = nodes.find((known) => known.endpoint.id === id);
    return [id, !node ? 'gone' : isReached(node.state.touch) ? 'reached' : 'out'] as const;
  }));
}

export const awaited = new AwaitedEndpoints();
