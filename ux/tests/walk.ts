/** Every address of the interface, with keys that exist on a test's server; and going there as a link does. */
import type { Browser, Page } from 'playwright-core';
import { ROUTES } from '../src/router';
import { login, openTab, type Server, type Tab } from './harness';

/** Objects that the addresses need; answers path patterns to what stands for their arguments. */
export async function furnish(server: Server): Promise<Record<string, string>> {
  const machine = await server.create('machines', { Name: 'walk-1', Description: 'walked over' });
  const job = await server.create('jobs', { Machine: machine['Uuid'], State: 'failed', Current: true, StartTime: new Date(Date.now() - 60_000).toISOString() });
  await server.create('profiles', { Name: 'walk', Description: 'walked over' });
  await server.create('endpoints', { Id: 'walk-edge' });
  await server.create('version_sets', { Id: 'walk-set' });
  await server.create('params', { Name: 'walk-param', Schema: { type: 'string' } });
  await server.create('tenants', { Name: 'walk-tenant', Members: { machines: [machine['Uuid']] } });
  await server.call('POST', 'files/walk/readme.txt', { text: 'walked over' });
  return {
    'endpoints/:key': 'endpoints/walk-edge',
    'machines/:key': `machines/${String(machine['Uuid'])}`,
    'jobs/:key': `jobs/${String(job['Uuid'])}`,
    'version-sets/:key': 'version-sets/walk-set',
    'version-sets/:key/edit': 'version-sets/walk-set/edit',
    'params/:key': 'params/walk-param',
    'rollouts/:key': 'rollouts/nowhere',
    'catalog/:key': 'catalog/nowhere',
    'files/*path': 'files/walk',
    'isos/*path': 'isos/nowhere',
    'content/*path': 'content/BasicStore',
    'plugin-providers/:key': 'plugin-providers/nowhere',
    'plugins/:key': 'plugins/nowhere',
    'bulk/:key': 'bulk/nowhere',
    'access/:what': 'access/roles',
    'access/users/:key': 'access/users/rocketskates',
    'access/roles/:key': 'access/roles/superuser',
    'access/tenants/:key': 'access/tenants/walk-tenant',
    'o/:prefix': 'o/profiles',
    'o/:prefix/new': 'o/profiles/new',
    'o/:prefix/:key': 'o/profiles/walk',
  };
}

/** One address for each route of the router, and those whose query shows another page. */
export function addresses(places: Readonly<Record<string, string>>): string[] {
  const all = ROUTES.map((route) => places[route.path] ?? route.path);
  const unknown = all.filter((path) => /[:*]/.test(path));
  if (unknown.length > 0) throw new Error(`tests/walk.ts knows no object for ${unknown.join(', ')}`);
  const tabs = ['preferences', 'certificate', 'upgrade', 'metrics'].map((tab) => `system?_tab=${tab}`);
  return [...new Set([...all, ...tabs, 'me?_tab=keys', 'me?_tab=views', 'me?_tab=account', 'machines?_view=list', 'o/profiles?_open=walk', 'events?_group=object'])];
}

/** As a click on a link does: the page stays loaded. Waits until nothing is asked any more. */
export async function go(page: Page, path: string): Promise<void> {
  await page.evaluate((address) => {
    history.pushState(null, '', address);
    dispatchEvent(new PopStateEvent('popstate'));
  }, `/ux/${path}`);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await settled(page);
}

/** No element came or went for a while, at most two seconds: pages that go on changing are looked at as they are. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const finish = () => {
          observer.disconnect();
          clearTimeout(quiet);
          clearTimeout(end);
          resolve();
        };
        let quiet = setTimeout(finish, 100);
        const end = setTimeout(finish, 2000);
        const observer = new MutationObserver(() => {
          clearTimeout(quiet);
          quiet = setTimeout(finish, 100);
        });
        observer.observe(document.body, { childList: true, subtree: true });
      }),
  );
}

/** One tab for several tests of a file, logged in once; each begins at its own address. A page that is loaded anew costs ten times as much. */
export class KeptTab {
  private tab: Promise<Tab> | undefined;

  constructor(
    private readonly browser: () => Browser,
    private readonly server: () => Server,
  ) {}

  async at(path: string): Promise<Tab> {
    if (!this.tab) {
      this.tab = openTab(this.browser(), this.server());
      await login((await this.tab).page, this.server(), path);
    } else {
      await go((await this.tab).page, path);
    }
    return this.tab;
  }
}
