/** The estate with real servers: a manager, one below it with a site of its own, and a site that is joined here. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsFor } from '../everybody';
import { axe, golden, login, openTab, Server, startBrowser, until } from '../harness';
import { go, KeptTab } from '../walk';

let m1: Server;
let r2: Server;
let a: Server;
let c: Server;
let browser: Browser;
const kept = new KeptTab(() => browser, () => m1);

const LOGIN = { 'manager/username': 'rocketskates', 'manager/password': 'r0cketsk8ts' };
const type = async (page: Page, ...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const h1 = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const stored = async (server: Server, path: string) => (await server.call('GET', path)).body as Record<string, unknown>;

beforeAll(async () => {
  [m1, r2, a, c, browser] = await Promise.all([Server.start('M1'), Server.start('R2'), Server.start('A'), Server.start('C'), startBrowser()]);
  await Promise.all([m1, r2].map((server) => server.call('POST', 'prefs', { manager: 'true' })));
  await r2.call('POST', 'plugins/manager/addEndpoint', { 'manager/url': c.url, ...LOGIN });
  await m1.call('POST', 'plugins/manager/addEndpoint', { 'manager/url': r2.url, ...LOGIN });
  for (let number = 0; number < 12; number++) await a.create('machines', { Name: `web-a-${String(number).padStart(2, '0')}`, Arch: number % 3 === 0 ? 'arm64' : 'amd64' });
  for (let number = 0; number < 8; number++) await c.create('machines', { Name: `web-c-${number}`, Arch: 'amd64' });
  await m1.create('version_sets', { Id: 'base', Prefs: { logLevel: 'info' } });
  await m1.create('version_sets', { Id: 'site', Prefs: { logLevel: 'error', debugPlugins: 'info' } });
  await until('C is seen', async () => ((await m1.call('GET', 'machines?Endpoint=C')).body as unknown[]).length === 8);
});

afterAll(async () => {
  await browser?.close();
  await Promise.all([m1, r2, a, c].map((server) => server?.stop()));
});

test('an endpoint is joined by keyboard: its certificate is looked at before the login is sent', async () => {
  const { page, context, faults } = await openTab(browser, m1);
  await login(page, m1, 'endpoints');
  await page.getByRole('treegrid').waitFor();
  await type(page, 'n');
  await h1(page, 'Join an endpoint').waitFor();
  const { expected, actual } = golden('join', await page.locator('main').ariaSnapshot());
  expect(actual).toBe(expected);
  await page.getByLabel('Address').focus();
  await page.keyboard.type(a.url.replace('https://', ''));
  await type(page, 'Tab');
  await page.keyboard.type('rocketskates');
  await type(page, 'Tab');
  await page.keyboard.type('wrong');
  await type(page, 'Enter');
  await page.getByText('The certificate that').waitFor();
  const shown = (await page.locator('dd.mono').first().innerText()).replace(/\s/g, '');
  expect(shown).toMatch(/^[0-9a-f]{64}$/);
  expect((await m1.call('GET', 'endpoints/A')).status).toBe(404);
  await type(page, 'Control+Enter');
  // The refusal leads back to the field that is at fault.
  await until('the password has the focus', () => page.getByLabel('Password').evaluate((field) => field === document.activeElement && field.getAttribute('aria-invalid') === 'true'));
  await page.getByLabel('Password').fill('r0cketsk8ts');
  await page.getByLabel('Fingerprint').fill(shown.toUpperCase().replace(/(..)(?=.)/g, '$1:'));
  await type(page, 'Enter');
  await page.getByText('The same that you gave').waitFor();
  await type(page, 'Control+Enter');
  await page.getByRole('checkbox', { name: 'base' }).waitFor();
  await page.getByRole('checkbox', { name: 'base' }).press('Space');
  await page.getByRole('rowheader', { name: 'preference logLevel' }).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByRole('button', { name: 'Give it these sets' }).press('Enter');
  await page.getByText('● done').waitFor();
  const made = await stored(m1, 'endpoints/A');
  expect([made['VersionSets'], made['Apply'] ?? false, (made['Params'] as Record<string, unknown>)['manager/fingerprint']]).toEqual([['base'], false, shown]);
  expect(faults).toEqual([]);
  await context.close();
});

test('another certificate than the one that was given: nothing is sent', async () => {
  const { page } = await kept.at('endpoints/join');
  await page.getByLabel('Address').fill(c.url);
  await page.getByLabel('User there').fill('rocketskates');
  await page.getByLabel('Password').fill('r0cketsk8ts');
  await page.getByLabel('Fingerprint').fill('ab'.repeat(32));
  await page.getByRole('button', { name: 'See who answers' }).click();
  await page.getByText('This is not the fingerprint that you gave').waitFor();
  expect(await page.getByRole('button', { name: 'It is the same: join' }).getAttribute('aria-disabled')).toBe('true');
  expect(await axe(page)).toEqual([]);
});

test('the tree by keyboard, and the order of sets with its effect before it is saved', async () => {
  await joinA();
  const { page, faults } = await kept.at('');
  await type(page, 'g', 'e');
  await page.getByRole('row', { name: /^C / }).waitFor();
  await page.getByRole('treegrid').focus();
  await type(page, 'Home', 'ArrowDown');
  await until('at R2', async () => (await page.locator('[role=row].cursor').getAttribute('data-id')) === 'R2');
  await type(page, 'ArrowLeft');
  await page.getByRole('row', { name: /^C / }).waitFor({ state: 'detached' });
  expect(await page.locator('[role=row].cursor').getAttribute('aria-expanded')).toBe('false');
  await type(page, 'ArrowRight', 'ArrowRight');
  expect(await page.locator('[role=row].cursor').getAttribute('data-id')).toBe('C');
  await type(page, '.');
  await page.getByRole('menuitem', { name: 'Ask it now' }).press('Enter');
  await page.getByText(/^C answered in \d+ (ms|s): /).first().waitFor();
  await page.getByRole('treegrid').focus();
  await type(page, 'l');
  await page.getByText('The way to C').waitFor();
  expect(await page.getByRole('list', { name: 'Route' }).innerText()).toMatch(/you[\s\S]*M1[\s\S]*R2[\s\S]*C/);
  await go(page, 'endpoints/A?_tab=sets');
  await page.getByLabel('Add a set').fill('site');
  await type(page, 'Enter');
  await page.getByText('What this order would do').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'site' }).first().focus();
  await type(page, 'Alt+ArrowUp');
  await page.getByText('(shadows base)').waitFor();
  expect((await stored(m1, 'endpoints/A'))['VersionSets']).toEqual(['base']);
  await type(page, 'Control+Enter');
  await page.getByText('● done').waitFor();
  expect((await stored(m1, 'endpoints/A'))['VersionSets']).toEqual(['site', 'base']);
  expect(faults).toEqual([]);
});

test('facets narrow and leave out; all that match are changed at once, and each outcome is told', async () => {
  await joinA();
  const { page, faults } = await kept.at('machines?sort=Name');
  await page.getByRole('button', { name: 'Arch', exact: true }).click();
  const arm = page.getByRole('list', { name: 'Arch' }).getByRole('button', { name: /arm64/ });
  await arm.click();
  await until('narrowed', async () => new URL(page.url()).search.includes('Arch=arm64'));
  await arm.click();
  await arm.click({ modifiers: ['Alt'] });
  await until('left out', async () => new URL(page.url()).search.includes('Arch=Ne(arm64)'));
  await until('16 rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '17');
  await page.getByRole('list', { name: 'Endpoint' }).getByRole('button', { name: /^A/ }).click();
  await until('8 rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '9');
  await page.getByRole('grid').focus();
  await type(page, 'ArrowDown', '*', 'x');
  await page.getByText('7 selected').waitFor();
  await page.getByRole('button', { name: 'Change 7…' }).press('Enter');
  const drawer = page.getByRole('dialog');
  await drawer.getByLabel('Field', { exact: true }).selectOption('Description');
  await drawer.getByLabel('Description', { exact: true }).fill('changed at once');
  await drawer.getByLabel('First few').fill('2');
  await drawer.getByLabel('First few').press('Tab');
  await drawer.getByRole('button', { name: 'See what it would come to' }).press('Enter');
  await drawer.getByRole('rowheader', { name: 'A', exact: true }).waitFor();
  expect(await axe(page)).toEqual([]);
  // More than a tenth of what A has: the number is to be typed.
  await drawer.getByText('of those of A').waitFor();
  expect(await drawer.getByRole('button', { name: 'Change 7' }).getAttribute('aria-disabled')).toBe('true');
  await drawer.getByLabel(/^Type/).fill('7');
  await drawer.getByLabel(/^Type/).press('Enter');
  await h1(page, /^change-/).waitFor();
  await page.getByText('Look at them below').waitFor();
  await page.getByRole('button', { name: 'Go on with the rest' }).press('Enter');
  await page.getByRole('button', { name: /7 done/ }).waitFor();
  const there = (await a.call('GET', 'machines?Description=changed at once'.replaceAll(' ', '%20'))).body as unknown[];
  expect(there.length).toBe(7);
  expect(await axe(page)).toEqual([]);
  const [download] = await Promise.all([page.waitForEvent('download'), (async () => { await page.getByRole('button', { name: 'Report' }).click(); await page.getByRole('menuitem', { name: 'As CSV' }).click(); })()]);
  expect(download.suggestedFilename()).toMatch(/^change-.*\.csv$/);
  await page.getByRole('link', { name: 'changes of many' }).click();
  await page.getByText('Set Description = changed at once').waitFor();
  expect(faults).toEqual([]);
});

test('groups have the counts of the server, and open', async () => {
  await joinA();
  const { page, faults } = await kept.at('machines?_group=Endpoint');
  await page.getByRole('link', { name: 'A: 12 as a list' }).waitFor();
  await page.getByRole('region', { name: 'Grouped by Endpoint' }).getByRole('button', { name: 'C' }).press('Enter');
  await page.getByRole('rowheader', { name: 'web-c-7' }).waitFor();
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
});

test('one machine: paused and resumed at its owner; what happened stands in the timeline; the next one is a key away', async () => {
  await joinA();
  const { page, faults } = await kept.at('machines?Endpoint=A&sort=Name');
  await page.getByRole('rowheader', { name: 'web-a-00' }).waitFor();
  await page.getByRole('grid').focus();
  await type(page, 'Enter');
  await h1(page, 'web-a-00').waitFor();
  await page.getByRole('button', { name: 'Pause' }).press('Enter');
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  expect((await stored(a, 'machines/Name:web-a-00'))['Runnable']).toBe(false);
  await page.getByText('Runnable is false').waitFor();
  await page.getByRole('button', { name: 'Resume' }).press('Enter');
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await page.getByRole('heading', { level: 1 }).click();
  await type(page, ']');
  await h1(page, 'web-a-01').waitFor();
  await type(page, '[');
  await h1(page, 'web-a-00').waitFor();
  expect(faults).toEqual([]);
});

test('the scope: a manager and all below it, kept from page to page', async () => {
  const { page } = await kept.at('machines');
  await page.getByRole('button', { name: 'All endpoints' }).click();
  await page.getByRole('button', { name: 'Keep R2 at hand' }).press('Enter');
  expect(await page.getByRole('button', { name: 'Keep R2 at hand' }).getAttribute('aria-pressed')).toBe('true');
  await page.getByRole('button', { name: 'R2 and all below: 1' }).press('Enter');
  await until('8 rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '9');
  await type(page, 'g', 'j');
  await h1(page, 'Jobs').waitFor();
  expect(new URL(page.url()).searchParams.get('_at')).toBe('R2/*');
  await page.getByRole('button', { name: 'R2 and below' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'R2 at hand', exact: true }).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'All endpoints' }).press('Enter');
  await until('everything', async () => !page.url().includes('_at'));
  await page.getByRole('button', { name: 'Server M1' }).press('Enter');
  await page.getByRole('menuitem', { name: 'R2', exact: true }).press('Enter');
  await h1(page, 'R2').waitFor();
});

test('what is shown of an endpoint is compared with what it has, over two hops and while it changes', async () => {
  const { page, faults } = await kept.at('endpoints/C?owner=R2&_tab=route');
  await page.getByRole('button', { name: 'Compare now' }).press('Enter');
  await page.getByRole('status').filter({ hasText: /equal at .*: \d+ collections, \d+ objects/ }).waitFor();
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
});

test('sites whose copies are old are asked themselves: what they have stands beside what is shown, which stays as it is', async () => {
  await joinA();
  const { page, context, faults } = await openTab(browser, m1, { ownWorker: true });
  // As if nothing had been heard of two sites for a while, and the copy of A were behind.
  await context.route(/\/api\/v3\/machines\?/, async (route) => {
    const asked = new URL(route.request().url());
    if (asked.pathname !== '/api/v3/machines') return route.fallback();
    const answer = await route.fetch();
    const ofA = asked.searchParams.get('Endpoint') === 'Eq(A)' && asked.searchParams.has('slim');
    const rows = ofA ? ((await answer.json()) as Record<string, unknown>[]) : [];
    await route.fulfill({
      response: answer,
      headers: { ...answer.headers(), 'x-mullion-stale': 'A;age=720, C;age=30', ...(ofA ? { 'x-drp-list-filter-count': String(rows.length - 1) } : {}) },
      ...(ofA ? { body: JSON.stringify(rows.slice(1).map((row, at) => (at === 0 ? { ...row, Description: 'as it was' } : row))) } : {}),
    });
  });
  await login(page, m1, 'machines?sort=Name');
  await page.getByText('and 1 other are not in touch: what is shown of them, 20 of 20 machines, is up to 12 min old').waitFor();
  await page.getByRole('button', { name: 'Ask sites now' }).press('Enter');
  const drawer = page.getByRole('dialog', { name: 'Asked at the sites, now' });
  await drawer.getByRole('status').filter({ hasText: '2 sites answered, 1 with other than what is shown here.' }).waitFor();
  await drawer.getByRole('row', { name: /^C equal at .* 8 8 30 s old$/ }).waitFor();
  const ofA = drawer.getByRole('row', { name: /^A / });
  expect(await ofA.innerText()).toMatch(/differs at [\s\S]*Only there: \S+[\s\S]*Changed: web-a-[\s\S]*in Description[\s\S]*12\s+11[\s\S]*12 min old/);
  expect(await axe(page)).toEqual([]);
  await drawer.getByRole('button', { name: 'Ask again' }).press('Enter');
  await drawer.getByRole('status').filter({ hasText: '2 sites answered' }).waitFor();
  expect(await drawer.getByRole('button', { name: 'Ask again' }).evaluate((button) => button === document.activeElement)).toBe(true);
  await type(page, 'Escape');
  expect(await page.getByRole('button', { name: 'Ask sites now' }).evaluate((button) => button === document.activeElement)).toBe(true);
  expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe('21');
  expect(faults).toEqual([]);
  await context.close();
});

/** Joined here, whether or not the test that joins it ran before. */
async function joinA(): Promise<void> {
  if ((await m1.call('GET', 'endpoints/A')).status === 404) {
    await m1.call('POST', 'plugins/manager/addEndpoint', { 'manager/url': a.url, ...LOGIN });
    await m1.call('PATCH', 'endpoints/A', [{ op: 'add', path: '/VersionSets', value: ['base'] }]);
  }
  await until('A is seen', async () => ((await m1.call('GET', 'machines?Endpoint=A')).body as unknown[]).length === 12);
}

const PAGES = ['', 'endpoints', 'endpoints?_view=table', 'endpoints?_view=strip', 'endpoints?Id=nobody', 'endpoints/join', 'endpoints/A', 'endpoints/A?_tab=plan', 'endpoints/A?_tab=sets', 'endpoints/A?_tab=installed', 'endpoints/C?owner=R2&_tab=route', 'endpoints/A?_tab=objects', 'machines', 'machines?Arch=x&Stage=y', 'bulk'];

test('no page of the estate breaks a rule of WCAG 2.2 AA or sticks out, in any look', async () => {
  await joinA();
  const { page, context, faults } = await openTab(browser, m1);
  await login(page, m1);
  const [machine] = (await m1.call('GET', 'machines?Endpoint=A&limit=1')).body as { Uuid: string }[];
  const tabs = ['timeline', 'tasks', 'params', 'profiles', 'jobs'].map((tab) => `machines/${machine!.Uuid}?owner=A&_tab=${tab}`);
  const wrong: string[] = [];
  for (const path of [...PAGES, ...tabs]) {
    await go(page, path);
    wrong.push(...(await faultsFor(page)).map((fault) => `/ux/${path}: ${fault}`));
  }
  expect(wrong).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('a manager is lost and comes back: one notice, one line, its sites are stale and can be left out', async () => {
  await joinA();
  const { page, context } = await openTab(browser, m1);
  await login(page, m1, 'machines?sort=Name&_cols=Name,Endpoint,State');
  await page.getByRole('button', { name: 'Live updates: live' }).waitFor();
  r2.kill();
  await page.getByText(/R2 is dark; 1 below/).first().waitFor();
  await page.getByRole('grid').focus();
  await type(page, 'r');
  await page.getByRole('button', { name: 'Ask sites now' }).press('Enter');
  await page.getByRole('status').filter({ hasText: '0 sites answered, 2 did not.' }).waitFor();
  await page.getByRole('row', { name: /^C no answer .*R2/ }).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).press('Enter');
  await page.getByRole('button', { name: 'Show fresh only' }).click();
  await until('only in the address', async () => page.url().includes('_max=15s'));
  await page.getByText(/Not shown, because older than 15s/).waitFor();
  await until('12 rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '13');
  expect(await axe(page)).toEqual([]);
  await type(page, 'Escape');
  await page.goto(`${m1.url}/ux/`);
  await page.getByRole('link', { name: /R2 is not reachable.*1 endpoint below it is dark for this one reason/ }).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.goto(`${m1.url}/ux/endpoints/C?owner=R2`);
  await page.getByText('R2 is the one to look at').waitFor();
  // A write there is refused for sure; whoever wants to is told when it can be done, whatever is opened until then.
  await page.getByRole('switch', { name: 'Apply its sets' }).press('Enter');
  const refusal = page.locator('[data-outcome]').filter({ hasText: 'Nothing was changed' });
  await refusal.getByRole('button', { name: /^Tell me when R2 is back|^Tell me when C is back/ }).waitFor();
  await page.getByRole('button', { name: 'Tell me when C is back' }).last().press('Enter');
  await until('it is kept', async () => (await page.getByRole('button', { name: 'Tell me when C is back' }).last().getAttribute('aria-pressed')) === 'true');
  await page.goto(`${m1.url}/ux/endpoints`);
  await page.getByRole('row', { name: /^C .*behind R2/ }).waitFor();
  await page.getByRole('button', { name: 'Waiting for 1: C' }).waitFor();
  await page.getByRole('row', { name: /^C .*behind R2/ }).click({ position: { x: 400, y: 8 } });
  await type(page, '.');
  await page.getByRole('menuitem', { name: 'Ask it now' }).press('Enter');
  await page.locator('.notices').getByText(/^C does not answer now\. .*R2/).waitFor();
  expect(await faultsFor(page)).toEqual([]);
  await r2.launch();
  await page.getByText('C is back: what was refused there can be done now.').waitFor();
  await page.getByRole('button', { name: 'Waiting for 1: C' }).waitFor({ state: 'detached' });
  expect(await axe(page)).toEqual([]);
  await page.getByRole('link', { name: 'Open C' }).press('Enter');
  await h1(page, 'C').waitFor();
  await page.getByText('R2 is the one to look at').waitFor({ state: 'detached' });
  await context.close();
});

test('a new server is told what to do, and becomes a manager', async () => {
  const { page, context, faults } = await openTab(browser, c);
  await login(page, c);
  await page.getByRole('region', { name: 'A new server' }).waitFor();
  await page.getByRole('link', { name: /The first password was never changed/ }).waitFor();
  await type(page, 'g', 'e');
  await page.getByRole('button', { name: 'Become a manager' }).press('Enter');
  await page.getByRole('link', { name: 'Join an endpoint' }).waitFor();
  expect((await stored(c, 'info'))['manager']).toBe(true);
  expect(faults).toEqual([]);
  await context.close();
});
