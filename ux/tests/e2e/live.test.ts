/**
 * What keeps pages current: after a cut the server tells what was missed, and nothing is listed again; tabs of a browser share
 * one connection, what was asked, and one login.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { anotherPage, axe, login, openTab, Server, startBrowser, until, Way, type Tab } from '../harness';

let server: Server;
let browser: Browser;
let way: Way;
let tab: Tab;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  way = await Way.to(server);
  for (const name of ['rack-1', 'rack-2', 'rack-3']) await server.create('profiles', { Name: name, Description: 'before' });
});

afterAll(async () => {
  await browser?.close();
  await way?.stop();
  await server?.stop();
});

beforeEach(async () => {
  tab = await openTab(browser, way);
});

afterEach(async () => {
  await tab.context.close();
});

const live = (page: Page) => page.getByRole('button', { name: 'Live updates: live' }).waitFor();
const notLive = (page: Page) => page.getByRole('button', { name: 'Live updates: live' }).waitFor({ state: 'detached' });
const describe = (name: string, text: string) => server.call('PATCH', `profiles/${name}`, [{ op: 'replace', path: '/Description', value: text }]);
const sockets = async () => {
  const { body } = await server.call('GET', 'system/metrics?names=mullion_api_websockets');
  return (body as { Metrics: { Samples: { Value: number }[] }[] }).Metrics[0]!.Samples[0]!.Value;
};
/** How often any collection was listed. */
async function lists(): Promise<number> {
  const { body } = await server.call('GET', 'system/metrics?names=mullion_api_request_seconds');
  const [requests] = (body as { Metrics: { Samples: { Labels: { method: string; route: string }; Count: number }[] }[] }).Metrics;
  return requests!.Samples.find(({ Labels }) => Labels.method === 'GET' && Labels.route === '/api/v3/{prefix}')?.Count ?? 0;
}

test('after a cut exactly what was missed is told, in order, and no list is asked for again', async () => {
  const { page, faults } = tab;
  const events = await anotherPage(tab);
  await login(page, way, 'o/profiles?Name=Re(^rack)&sort=Name&_cols=Name,Description');
  await page.getByRole('row', { name: /rack-1 before/ }).waitFor();
  await events.goto(`${way.url}/ux/events?_pattern=profiles`);
  await events.getByText('Events of what you may see appear here').waitFor();
  await describe('rack-1', 'heard');
  await page.getByRole('row', { name: /rack-1 heard/ }).waitFor();
  await events.getByRole('cell', { name: 'rack-1', exact: true }).waitFor();
  const before = await lists();
  expect(before).toBeGreaterThan(0);
  way.cut();
  await Promise.all([page, events].map(notLive));
  await describe('rack-2', 'first');
  await describe('rack-2', 'while away');
  await server.create('profiles', { Name: 'rack-9', Description: 'new' });
  await server.call('DELETE', 'profiles/rack-3');
  way.mend();
  await Promise.all([page, events].map(live));
  await page.getByRole('row', { name: /rack-2 while away/ }).waitFor();
  await page.locator('[role=row].gone', { hasText: 'rack-3' }).waitFor();
  await events.getByRole('cell', { name: 'rack-9', exact: true }).waitFor();
  const told = await events.locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll('td')].slice(2, 4).map((cell) => cell.textContent).join(' ')));
  expect(told).toEqual(['delete rack-3', 'create rack-9', 'update rack-2', 'update rack-2', 'update rack-1']);
  await describe('rack-1', 'and on');
  await page.getByRole('row', { name: /rack-1 and on/ }).waitFor();
  expect(await events.getByText('Nothing known from').count()).toBe(0);
  expect(await lists()).toBe(before);
  expect(faults.filter((fault) => !/WebSocket connection/.test(fault))).toEqual([]);
});

test('a server that was started anew remembers nothing: lists are asked for again, and the gap is said', async () => {
  const { page } = tab;
  const events = await anotherPage(tab);
  await login(page, way, 'o/profiles?Name=Re(^rack)&sort=Name&_cols=Name,Description');
  await page.getByRole('row', { name: /rack-1/ }).waitFor();
  await events.goto(`${way.url}/ux/events?_pattern=profiles`);
  await events.getByText('Events of what you may see appear here').waitFor();
  way.cut();
  await Promise.all([page, events].map(notLive));
  await describe('rack-1', 'unheard');
  server.kill();
  await server.launch();
  await describe('rack-2', 'unheard too');
  const before = await lists();
  way.mend();
  await page.getByRole('row', { name: /rack-1 unheard/ }).waitFor();
  await page.getByRole('row', { name: /rack-2 unheard too/ }).waitFor();
  await events.getByText(/Nothing known from/).waitFor();
  expect(await lists()).toBeGreaterThan(before);
});

test('two tabs: one login, one connection, one answer for the same list, and each is told what it shows', async () => {
  const { page, faults } = tab;
  await login(page, way, 'o/profiles?sort=Name&_cols=Name,Description');
  await page.getByRole('row', { name: /rack-1/ }).waitFor();
  await live(page);
  const [connections, asked] = [await sockets(), await lists()];
  const second = await anotherPage(tab);
  await second.goto(`${way.url}/ux/o/profiles?sort=Name&_cols=Name,Description`);
  await second.getByRole('row', { name: /rack-1/ }).waitFor();
  expect([await sockets(), await lists()]).toEqual([connections, asked]);
  await describe('rack-1', 'seen in both');
  await Promise.all([page, second].map((one) => one.getByRole('row', { name: /rack-1 seen in both/ }).waitFor()));
  // What one shows is no other's business.
  await second.goto(`${way.url}/ux/o/roles`);
  await second.getByRole('row', { name: /superuser/ }).waitFor();
  await describe('rack-1', 'seen in one');
  await page.getByRole('row', { name: /rack-1 seen in one/ }).waitFor();
  // The first holds the connection of both. When it goes, the other takes it over and goes on where it was.
  await second.goto(`${way.url}/ux/o/profiles?sort=Name&_cols=Name,Description`);
  await second.getByRole('row', { name: /rack-1 seen in one/ }).waitFor();
  await live(second);
  const listed = await lists();
  await page.close();
  await describe('rack-1', 'still seen');
  await second.getByRole('row', { name: /rack-1 still seen/ }).waitFor();
  await until('one connection', async () => (await sockets()) === connections);
  expect(await lists()).toBe(listed);
  expect(faults).toEqual([]);
});

test('logged out in one tab: all are, and whoever opens another has to log in', async () => {
  const { page, faults } = tab;
  await login(page, way, 'o/profiles');
  const second = await anotherPage(tab);
  await second.goto(`${way.url}/ux/o/roles`);
  await second.getByRole('row', { name: /superuser/ }).waitFor();
  await second.getByRole('button', { name: 'rocketskates' }).click();
  await second.getByRole('menuitem', { name: 'Log out' }).click();
  for (const one of [page, second]) {
    await one.getByLabel('Password').waitFor();
    expect(new URL(one.url()).pathname).toBe('/ux/');
    expect(await one.evaluate(() => sessionStorage.getItem('mullion.session'))).toBeNull();
  }
  const third = await anotherPage(tab);
  await third.goto(`${way.url}/ux/o/profiles`);
  await third.getByLabel('Password').waitFor();
  await until('nobody listens', async () => (await sockets()) === 0);
  expect(faults).toEqual([]);
});

test('somebody else logs in in another tab: the first is asked to, and shows nothing more', async () => {
  await server.create('users', { Name: 'ann', Roles: ['superuser'] });
  await server.call('PUT', 'users/ann/password', { Password: 'secret-1' });
  const { page } = tab;
  const second = await anotherPage(tab);
  await second.goto(`${way.url}/ux/o/profiles`);
  await second.getByLabel('Password').waitFor();
  await login(page, way, 'o/profiles?sort=Name&_cols=Name,Description');
  await page.getByRole('row', { name: /rack-1/ }).waitFor();
  await second.getByLabel('User').fill('ann');
  await second.getByLabel('Password').fill('secret-1');
  await second.keyboard.press('Enter');
  await second.getByRole('row', { name: /rack-1/ }).waitFor();
  await page.getByRole('dialog', { name: 'Your login has ended' }).waitFor();
});

test('a browser that cannot share a worker: each tab has its own, and a logout still reaches all', async () => {
  const own = await openTab(browser, way, { ownWorker: true });
  await login(own.page, way, 'o/profiles?sort=Name&_cols=Name,Description');
  await own.page.getByRole('row', { name: /rack-1/ }).waitFor();
  await live(own.page);
  const second = await anotherPage(own);
  await login(second, way, 'o/profiles?sort=Name&_cols=Name,Description');
  await live(second);
  await describe('rack-1', 'seen by each');
  await Promise.all([own.page, second].map((one) => one.getByRole('row', { name: /rack-1 seen by each/ }).waitFor()));
  await second.getByRole('button', { name: 'rocketskates' }).click();
  await second.getByRole('menuitem', { name: 'Log out' }).click();
  await Promise.all([own.page, second].map((one) => one.getByLabel('Password').waitFor()));
  expect(own.faults).toEqual([]);
  await own.context.close();
});

test('what waits for a person is counted in the title, the navigation and the flag of every page, until somebody says so', async () => {
  const { page, faults } = tab;
  await login(page, way, 'me');
  await live(page);
  expect(await page.title()).toBe('Me · site-a');
  await server.create('bulks', { Id: 'many-1', First: 1, What: { Kind: 'patch', Patch: [{ op: 'replace', path: '/Description', value: 'by many' }] }, Selection: { Type: 'profiles', Filter: 'Name=Re(^rack)' } });
  expect((await server.call('POST', 'bulks/many-1/actions/start', {})).status).toBeLessThan(300);
  await until('the title says so', async () => (await page.title()) === '(1) Me · site-a');
  await page.getByRole('link', { name: 'Now: 1 waits for a person' }).waitFor();
  await page.getByRole('button', { name: '1 waits for a person' }).press('Enter');
  expect(await axe(page)).toEqual([]);
  await page.getByRole('menuitem', { name: /^Change of many many-1 asks whether to go on/ }).press('Enter');
  await page.getByRole('button', { name: 'Go on with the rest' }).press('Enter');
  await until('nothing waits', async () => (await page.title()) === 'many-1 · Changes of many · site-a');
  await page.getByRole('button', { name: /waits? for a person/ }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Now', exact: true }).waitFor();
  expect(faults).toEqual([]);
});

test('an answer to the login before does not end the one that was made meanwhile', async () => {
  const { page, context, faults } = tab;
  await login(page, way, 'o/profiles/rack-2');
  await page.getByLabel('Description', { exact: true }).waitFor();
  let letGo: () => void = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let late = 0;
  await context.route(/\/api\/v3\/profiles\/rack-2$/, async (route) => {
    if (late > 0) return route.fallback();
    late = 1;
    await held;
    late = (await route.fetch()).status();
    await route.fulfill({ status: late, body: '{}' });
  });
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('r');
  await until('one request waits', () => Promise.resolve(late === 1));
  await server.call('PUT', 'users/rocketskates/password', { Password: 'r0cketsk8ts' });
  await page.keyboard.press('r');
  await page.getByRole('dialog', { name: 'Your login has ended' }).waitFor();
  await page.getByLabel('Password').fill('r0cketsk8ts');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Your login has ended' }).waitFor({ state: 'detached' });
  letGo();
  await until('it was refused', () => Promise.resolve(late === 401));
  // The same request went on with the present login; had that ended, the dialogue would be here before the page is changed again.
  await describe('rack-2', 'after the late answer');
  await until('the page goes on', async () => (await page.getByLabel('Description', { exact: true }).inputValue()) === 'after the late answer');
  expect(await page.getByRole('dialog').count()).toBe(0);
  expect(faults).toEqual([]);
});
