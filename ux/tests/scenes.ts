/** States that servers give every page: none of anything, one of each, a thousand, nobody may, half of it may, dark, stopped, login over. */
import type { Page } from 'playwright-core';
import { attach, fillCatalog } from './sites';
import { login, Server, until } from './harness';
import { addresses, furnish, go } from './walk';

export interface Scene {
  server: Pick<Server, 'url'>;
  paths: string[];
  /** logs in */
  enter(page: Page): Promise<void>;
  /** before the page is opened, once it is there, and when it was looked at */
  before?(page: Page, path: string): Promise<void>;
  after?(page: Page, path: string): Promise<void>;
  undo?(page: Page, path: string): Promise<void>;
  stop(): Promise<void>;
}

const PASSWORD = 'secret-1';
/** what every page of the router is asked with on a server that has nothing */
const NOTHING = 'nowhere';

async function asUser(page: Page, server: Pick<Server, 'url'>, user: string): Promise<void> {
  await page.goto(`${server.url}/ux/`);
  await page.getByLabel('User', { exact: true }).fill(user);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1 }).waitFor();
}

/** Addresses of objects that are nowhere. */
export function nowhere(): Record<string, string> {
  const places: Record<string, string> = {};
  for (const pattern of ['endpoints/:key', 'machines/:key', 'jobs/:key', 'version-sets/:key', 'version-sets/:key/edit', 'params/:key', 'rollouts/:key', 'catalog/:key', 'plugin-providers/:key', 'plugins/:key', 'bulk/:key', 'access/users/:key', 'access/roles/:key', 'access/tenants/:key'])
    places[pattern] = pattern.replace(':key', NOTHING);
  return { ...places, 'files/*path': 'files/nowhere', 'isos/*path': 'isos/nowhere', 'content/*path': 'content/nowhere', 'access/:what': 'access/roles', 'o/:prefix': 'o/profiles', 'o/:prefix/new': 'o/profiles/new', 'o/:prefix/:key': 'o/profiles/nowhere' };
}

/** More than `furnish` makes: one of everything that a page is about. */
export async function oneOfEach(server: Server): Promise<Record<string, string>> {
  await server.call('POST', 'prefs', { manager: 'true' });
  const places = await furnish(server);
  await fillCatalog(server, [['net-base', 'v1.0.0']]);
  await server.call('POST', 'isos/walk.iso', { text: 'walked over' });
  await server.create('rollouts', { Id: 'walk-rollout', VersionSets: ['walk-set'], TargetEndpoints: ['walk-edge'] });
  await server.create('bulks', { Id: 'walk-bulk', What: { Kind: 'patch', Patch: [{ op: 'replace', path: '/Description', value: 'changed' }] }, Selection: { Type: 'machines', Filter: 'Name=walk-1', Count: 1 } });
  return { ...places, 'rollouts/:key': 'rollouts/walk-rollout', 'catalog/:key': 'catalog/net-base', 'bulk/:key': 'bulk/walk-bulk' };
}

async function many(server: Server, count: number): Promise<void> {
  const AT_ONCE = 16;
  const each = async (make: (number: number) => Promise<unknown>) => {
    for (let first = 0; first < count; first += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, at) => make(first + at)));
  };
  const name = (stem: string, number: number) => `${stem}-${String(number).padStart(4, '0')}`;
  const machines: string[] = [];
  await each(async (number) => machines.push(String((await server.create('machines', { Name: `${name('web', number)}.example.org`, Description: number % 7 === 0 ? `rack ${number % 40}` : '', Arch: number % 5 === 0 ? 'arm64' : 'amd64', Address: `10.0.${number >> 8}.${number & 255}`, Params: { rack: `r${number % 40}` } }))['Uuid'])));
  await each((number) => server.create('endpoints', { Id: name('edge', number), Description: `site ${number % 40}`, VersionSets: number % 3 === 0 ? ['walk-set'] : [] }));
  await each((number) => server.create('jobs', { Machine: machines[number], State: number % 4 === 0 ? 'failed' : 'created', Current: true, StartTime: new Date(Date.now() - number * 1000).toISOString() }));
  await each((number) => server.create('version_sets', { Id: name('set', number), Description: `the set for sites of kind ${number}`, Prefs: { logLevel: 'warn' } }));
  await each((number) => server.create('profiles', { Name: name('profile', number), Description: `profile of ${number}` }));
  await each((number) => server.create('params', { Name: name('param/of', number), Description: `param of ${number}`, Schema: { type: 'string' } }));
  await each((number) => server.create('rollouts', { Id: name('rollout', number), VersionSets: ['walk-set'], TargetEndpoints: [name('edge', number)] }));
  await each((number) => server.create('users', { Name: name('person', number) }));
  await each((number) => server.create('roles', { Name: name('role', number), Claims: [{ scope: 'machines', action: 'list,get', specific: name('web', number) }] }));
  await each((number) => server.create('tenants', { Name: name('tenant', number), Members: { machines: [machines[number]] } }));
  await each((number) => server.call('POST', `files/walk/${name('file', number)}.txt`, { text: 'walked over' }));
}

async function account(server: Server, user: string, claims: string[]): Promise<void> {
  const Claims = claims.map((text) => ({ scope: text.split(' ')[0], action: text.split(' ')[1], specific: text.split(' ')[2] ?? '' }));
  await server.create('roles', { Name: `r-${user}`, Claims });
  await server.create('users', { Name: user, Roles: [`r-${user}`] });
  await server.call('PUT', `users/${user}/password`, { Password: PASSWORD });
}

/** One page of each kind, for states that are dear to make. */
const FEW = ['', 'endpoints', 'endpoints/walk-edge', 'machines', 'failures', 'jobs', 'version-sets', 'version-sets/walk-set', 'version-sets/walk-set/edit', 'plan?sets=walk-set', 'rollouts', 'rollouts/walk-rollout', 'catalog', 'files', 'content', 'params', 'bulk/walk-bulk', 'cluster', 'events', 'logs', 'access', 'access/why', 'system', 'system?_tab=preferences', 'me', 'o', 'o/profiles/walk'];

const live = (page: Page) => page.getByRole('button', { name: 'Live updates: live' }).waitFor();

/** The server of a page is killed, and the page has said so. */
async function goAway(server: Server, page: Page): Promise<void> {
  await live(page);
  server.kill();
  await page.getByText(/^Not connected since/).first().waitFor();
}

async function comeBack(server: Server, page: Page): Promise<void> {
  await server.launch();
  await live(page);
}

export const STATES: Record<string, (thousand: number) => Promise<Scene>> = {
  empty: async () => {
    const server = await Server.start('site-a');
    return { server, paths: addresses(nowhere()), enter: (page) => login(page, server), stop: () => server.stop() };
  },
  one: async () => {
    const server = await Server.start('site-a');
    const places = await oneOfEach(server);
    return { server, paths: [...addresses(places), `${places['machines/:key']}?_tab=params`, 'plan?sets=walk-set', 'endpoints/walk-edge?_tab=plan', 'endpoints/walk-edge?_tab=sets', 'endpoints/walk-edge?_tab=installed', 'endpoints/walk-edge?_tab=route', 'endpoints/walk-edge?_tab=objects'], enter: (page) => login(page, server), stop: () => server.stop() };
  },
  thousand: async (count) => {
    const server = await Server.start('site-a');
    const places = await oneOfEach(server);
    await many(server, count);
    return { server, paths: [...addresses(places), 'endpoints?_view=table', 'endpoints?_view=strip', 'plan?sets=walk-set', 'o/jobs', 'access/tenants', 'machines?_group=Arch'], enter: (page) => login(page, server), stop: () => server.stop() };
  },
  forbidden: async () => {
    const server = await Server.start('site-a');
    const places = await oneOfEach(server);
    await account(server, 'nobody', ['info get *']);
    return { server, paths: addresses(places), enter: (page) => asUser(page, server, 'nobody'), stop: () => server.stop() };
  },
  half: async () => {
    const server = await Server.start('site-a');
    const places = await oneOfEach(server);
    await account(server, 'half', ['info get *', 'machines list *', 'endpoints get *', 'version_sets list,get *', 'jobs get *', 'files list *', 'rollouts list *', 'objects list *']);
    return { server, paths: addresses(places), enter: (page) => asUser(page, server, 'half'), stop: () => server.stop() };
  },
  dark: async () => {
    const [manager, site] = await Promise.all([Server.start('M1'), Server.start('edge-1')]);
    await manager!.call('POST', 'prefs', { manager: 'true' });
    const machine = await site!.create('machines', { Name: 'far-1' });
    const job = await site!.create('jobs', { Machine: machine['Uuid'], State: 'failed', Current: true, StartTime: new Date().toISOString() });
    await site!.create('profiles', { Name: 'far' });
    await attach(manager!, site!);
    await manager!.create('version_sets', { Id: 'walk-set', Prefs: { logLevel: 'warn' } });
    await manager!.call('PATCH', 'endpoints/edge-1', [{ op: 'add', path: '/VersionSets', value: ['walk-set'] }]);
    await until('its machine is here', async () => ((await manager!.call('GET', 'machines?Endpoint=edge-1')).body as unknown[]).length === 1);
    site!.kill();
    await until('it is dark', async () => ((await manager!.call('GET', 'endpoints/edge-1')).body as Record<string, string>)['ConnectionState'] !== 'Connected');
    const one = `machines/${String(machine['Uuid'])}?owner=edge-1`;
    return {
      server: manager!,
      paths: ['', 'endpoints', 'endpoints?_view=table', 'endpoints?_view=strip', 'endpoints/edge-1', ...['plan', 'sets', 'installed', 'route', 'objects', 'events', 'json'].map((tab) => `endpoints/edge-1?_tab=${tab}`), 'machines', one, ...['timeline', 'tasks', 'params', 'profiles', 'jobs', 'json'].map((tab) => `${one}&_tab=${tab}`), 'failures', 'jobs', `jobs/${String(job['Uuid'])}?owner=edge-1`, 'o/profiles/far?owner=edge-1', 'o/profiles', 'plan?sets=walk-set', 'version-sets', 'version-sets/walk-set', 'version-sets/walk-set/edit', 'version-sets/compare?_a=is:edge-1&_b=set:walk-set', 'catalog', 'files?_at=edge-1', 'isos?_at=edge-1', 'content?_at=edge-1', 'cluster?_at=edge-1', 'events?_at=edge-1', 'logs?_at=edge-1', 'system?_at=edge-1', 'access?_at=edge-1', 'rollouts/new?sets=walk-set', 'o'],
      enter: (page) => login(page, manager!),
      stop: async () => void (await Promise.all([manager!.stop(), site!.stop()])),
    };
  },
  /** The server stops while the page is open. */
  stopped: async () => {
    const server = await Server.start('site-a');
    const places = await oneOfEach(server);
    return {
      server,
      paths: [...FEW, places['machines/:key']!, places['jobs/:key']!],
      enter: (page) => login(page, server),
      after: (page) => goAway(server, page),
      undo: (page) => comeBack(server, page),
      stop: () => server.stop(),
    };
  },
  /** Pages that are opened while the server is away. */
  away: async () => {
    const server = await Server.start('site-a');
    const places = await oneOfEach(server);
    return {
      server,
      paths: addresses(places),
      enter: async (page) => {
        if (!(await server.call('GET', 'info').then(() => true, () => false))) await server.launch();
        await login(page, server);
        await goAway(server, page);
      },
      undo: (page) => comeBack(server, page),
      stop: () => server.stop(),
    };
  },
  /** The login ends while a page is open. */
  ended: async () => {
    const server = await Server.start('site-a');
    const places = await oneOfEach(server);
    await account(server, 'other', ['* * *']);
    return {
      server,
      paths: [...FEW, places['machines/:key']!],
      enter: (page) => asUser(page, server, 'other'),
      after: async (page) => {
        await server.call('PATCH', 'users/other', [{ op: 'add', path: '/Secret', value: `secret-${Date.now()}` }]);
        await page.keyboard.press('r');
        await page.getByLabel('Password', { exact: true }).waitFor();
      },
      undo: async (page) => {
        await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
        await page.keyboard.press('Enter');
        await page.getByLabel('Password', { exact: true }).waitFor({ state: 'detached' });
        await go(page, '');
      },
      stop: () => server.stop(),
    };
  },
};

/**
 * What looks wrong by itself: text that is cut off where nothing tells the rest, things on top of others, a page without any text of its
 * own, and one that says that it still asks.
 */
export const pageFaults = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const main = document.querySelector('main')!;
    const faults: string[] = [];
    const label = (element: Element) => `${element.tagName}.${element.getAttribute('class') ?? ''} “${(element.textContent ?? '').trim().slice(0, 50)}”`;
    const shown = (element: Element) => {
      const { width, height, bottom, top } = element.getBoundingClientRect();
      return width > 1 && height > 1 && bottom > 0 && top < innerHeight && element.checkVisibility({ visibilityProperty: true }) && !element.closest('.visually-hidden');
    };
    const texts = [...main.querySelectorAll<HTMLElement>('*')].filter((element) => shown(element) && [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && (node.textContent ?? '').trim() !== ''));
    for (const element of texts) {
      // A grid tells what its cells have no room for where the pointer is.
      element.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
      const style = getComputedStyle(element);
      const clipped = style.overflowX !== 'visible' && style.overflowX !== 'auto' && style.overflowX !== 'scroll';
      if (clipped && element.scrollWidth > element.clientWidth + 1 && !element.closest('[title]')) faults.push(`cut off: ${label(element)}`);
      if (element.scrollHeight > element.clientHeight + 3 && style.overflowY === 'hidden') faults.push(`cut off below: ${label(element)}`);
    }
    for (const element of main.querySelectorAll<HTMLElement>('a, button, input, select, textarea')) {
      if (!shown(element)) continue;
      const box = element.getBoundingClientRect();
      const x = box.left + box.width / 2, y = box.top + box.height / 2;
      // What is scrolled out of its box covers nothing and is covered by nothing.
      const scrolled = [...function* () { for (let at = element.parentElement; at && at !== main; at = at.parentElement) yield at; }()].some((at) => {
        const bounds = at.getBoundingClientRect();
        return getComputedStyle(at).overflowY !== 'visible' && (y < bounds.top || y > bounds.bottom || x < bounds.left || x > bounds.right);
      });
      if (scrolled) continue;
      const hit = document.elementFromPoint(x, y);
      if (hit && main.contains(hit) && !element.contains(hit) && !hit.contains(element) && !(hit.closest('label')?.contains(element) ?? false)) faults.push(`covered: ${label(element)} by ${label(hit)}`);
    }
    const words = (main.innerText ?? '').replace(document.querySelector('h1')?.textContent ?? '', '').trim();
    if (words.length < 30) faults.push(`says hardly anything: “${words}”`);
    if (/\b(Asking|Loading)\b/.test(words)) faults.push('still asks');
    if (/\b(undefined|null|NaN|\[object Object\])\b/.test(words)) faults.push(`not for people: ${/.{0,30}\b(undefined|null|NaN|\[object Object\])\b.{0,30}/.exec(words)?.[0]}`);
    return [...new Set(faults)].slice(0, 8);
  });
