/** The ground, with real servers: every collection is listed, filtered, opened, edited and deleted by keyboard alone. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsFor } from '../everybody';
import { axe, login, openTab, Server, startBrowser, until } from '../harness';
import { KeptTab } from '../walk';

let server: Server;
let browser: Browser;
const kept = new KeptTab(() => browser, () => server);

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  for (let number = 0; number < 30; number++) {
    await server.create('machines', { Name: `web-${String(number).padStart(2, '0')}`, Arch: number % 3 === 0 ? 'arm64' : 'amd64' });
  }
  await server.create('profiles', { Name: 'rack-1', Description: 'first rack' });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const h1 = (page: Page) => page.getByRole('heading', { level: 1 });

/** Focus never falls to nowhere after an action. */
async function focusIsSomewhere(page: Page): Promise<void> {
  await until('focus is on something', () => page.evaluate(() => document.activeElement !== null && document.activeElement !== document.body));
}

async function type(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

test('by keyboard alone: log in, list, filter, open, edit, save, delete', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await page.goto(`${server.url}/ux/`);
  await page.getByRole('dialog').waitFor();
  await focusIsSomewhere(page);
  await page.keyboard.type('rocketskates');
  await page.keyboard.press('Tab');
  await page.keyboard.type('r0cketsk8ts');
  await page.keyboard.press('Enter');
  await h1(page).waitFor();
  await type(page, 'g', 'm');
  await page.getByRole('row', { name: /web-/ }).first().waitFor();
  await type(page, '/');
  await page.keyboard.type('Arch=arm64 Name=Re(^web-0)');
  await page.keyboard.press('Enter');
  await until('four rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '5');
  expect(new URL(page.url()).search).toBe('?Arch=arm64&Name=Re(%5Eweb-0)');
  await type(page, 'Escape', 'ArrowDown', 'x');
  expect(await page.getByRole('grid').evaluate((grid) => grid === document.activeElement)).toBe(true);
  await page.getByText('1 selected').waitFor();
  const name = (await page.locator('[role="row"].cursor [role="rowheader"]').innerText()).trim();
  await type(page, 'Enter');
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await type(page, 'e');
  await page.getByLabel('Description', { exact: true }).waitFor();
  await type(page, 'Tab');
  await page.keyboard.type('moved by keyboard');
  await type(page, 'Control+Enter');
  await page.getByText('● done').waitFor();
  await focusIsSomewhere(page);
  const stored = (await server.call('GET', `machines/Name:${name}`)).body as Record<string, unknown>;
  expect(stored['Description']).toBe('moved by keyboard');
  await type(page, '.', 'End', 'Enter');
  await page.getByRole('dialog', { name: `Delete ${name}?` }).waitFor();
  await type(page, 'Tab', 'Enter');
  await h1(page).filter({ hasText: 'Machines' }).waitFor();
  expect((await server.call('GET', `machines/Name:${name}`)).status).toBe(404);
  expect(new URL(page.url()).search).toContain('Arch=arm64');
  await type(page, 'g', 'w');
  await page.getByRole('cell', { name: `delete machines ${name}` }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('an object is created by its form, and the server’s words stand at the field', async () => {
  const { page, faults } = await kept.at('o/profiles/new');
  await page.getByLabel('Name *').fill('a/b');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('alert').filter({ hasText: 'Invalid Name' }).waitFor();
  await until('the field has the focus', () => page.getByLabel('Name *').evaluate((field) => field === document.activeElement && field.getAttribute('aria-invalid') === 'true'));
  await page.getByLabel('Name *').fill('made-here');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('heading', { level: 1, name: 'made-here' }).waitFor();
  expect((await server.call('GET', 'profiles/made-here')).status).toBe(200);
  expect(faults).toEqual([]);
});

test('an object is changed as JSON and as YAML, and a fault is said where it is', async () => {
  await server.create('profiles', { Name: 'as-text', Description: 'before' });
  const { page, faults } = await kept.at('o/profiles/as-text?_tab=json');
  const editor = page.getByRole('textbox', { name: 'as-text as json' });
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('{"Name": "as-text", ');
  await page.getByText(/JSON|property/i).first().waitFor();
  expect(await page.getByRole('button', { name: 'Save' }).getAttribute('aria-disabled')).toBe('true');
  const body = (await server.call('GET', 'profiles/as-text')).body as Record<string, unknown>;
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(JSON.stringify({ ...body, Description: 'as JSON' }));
  await page.keyboard.press('Control+Enter');
  await page.getByText('● done').waitFor();
  expect(((await server.call('GET', 'profiles/as-text')).body as Record<string, unknown>)['Description']).toBe('as JSON');
  await page.getByRole('tab', { name: 'YAML' }).click();
  await page.getByRole('textbox', { name: 'as-text as yaml' }).getByText('as JSON').waitFor();
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
});

test('two people change the same field: nothing is overwritten, and one chooses', async () => {
  const { page } = await kept.at('o/profiles/rack-1');
  const field = page.getByLabel('Description', { exact: true });
  await field.fill('mine');
  await server.call('PATCH', 'profiles/rack-1', [{ op: 'replace', path: '/Description', value: 'theirs' }]);
  await page.getByText('changed this just now').waitFor();
  await page.keyboard.press('Control+Enter');
  await page.getByText('Choose for each field').waitFor();
  expect(((await server.call('GET', 'profiles/rack-1')).body as Record<string, unknown>)['Description']).toBe('theirs');
  await page.getByRole('radio', { name: 'mine' }).check();
  await page.getByRole('button', { name: 'Take these into the form' }).click();
  await page.keyboard.press('Control+Enter');
  await page.getByText('● done').waitFor();
  expect(((await server.call('GET', 'profiles/rack-1')).body as Record<string, unknown>)['Description']).toBe('mine');
});

test('what others do shows without being asked for', async () => {
  const { page } = await kept.at('machines?sort=Name&_cols=Name,Description');
  await page.getByRole('rowheader', { name: 'web-01' }).waitFor();
  await page.getByRole('button', { name: 'Live updates: live' }).waitFor();
  await server.call('PATCH', 'machines/Name:web-01', [{ op: 'replace', path: '/Description', value: 'seen at once' }]);
  await page.getByText('seen at once').waitFor();
  await server.create('machines', { Name: 'zz-late' });
  await page.getByRole('button', { name: /1 new/ }).waitFor();
  await page.getByRole('grid').focus();
  await page.keyboard.press('r');
  await page.keyboard.press('End');
  await page.getByRole('rowheader', { name: 'zz-late' }).waitFor();
});

test('counts beside a list follow what changes, and are asked for no oftener than every five seconds', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await server.create('stages', { Name: 'bench' });
  await login(page, server, 'machines?sort=Name&_cols=Name,Address');
  const stages = page.getByRole('list', { name: 'Stage' });
  await stages.getByText('none', { exact: true }).waitFor();
  let asked = 0;
  page.on('request', (request) => void (request.url().includes('group-by=Stage') && asked++));
  const began = performance.now();
  const [first, last] = [0, 29].map((number) => `machines/Name:web-${String(number).padStart(2, '0')}`);
  for (let number = 1; number <= 12; number++) {
    await server.call('PATCH', first!, [{ op: 'replace', path: '/Address', value: `10.0.0.${number}` }]);
    await page.getByRole('gridcell', { name: `10.0.0.${number}`, exact: true }).waitFor();
  }
  expect(asked).toBeLessThanOrEqual(1 + (performance.now() - began) / 5000);
  // Behind the end of what is on screen.
  expect(await page.getByRole('rowheader', { name: 'web-29' }).count()).toBe(0);
  expect((await server.call('PATCH', last!, [{ op: 'replace', path: '/Stage', value: 'bench' }])).status).toBe(200);
  await stages.getByRole('button', { name: /^bench\s*1$/ }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('a name is completed by what is typed of it, a value that many have by its counts', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'machines?sort=Name');
  const asked: string[] = [];
  page.on('request', (request) => void asked.push(request.url()));
  await page.keyboard.press('/');
  await page.keyboard.type('Name=web-1');
  const options = page.getByRole('listbox', { name: 'Suggestions' }).getByRole('option');
  await options.filter({ hasText: 'web-10' }).waitFor();
  expect((await options.allInnerTexts()).slice(0, 10).map((text) => text.trim())).toEqual(Array.from({ length: 10 }, (_, at) => `web-1${at}`));
  expect(await faultsFor(page)).toEqual([]);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('group', { name: 'Filters' }).getByText('Name=web-10').waitFor();
  expect(new URL(page.url()).searchParams.get('Name')).toBe('web-10');
  expect(asked.filter((url) => url.includes('group-by=Name'))).toEqual([]);
  await page.keyboard.press('/');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('Arch=');
  // Of what the other filters leave.
  await options.filter({ hasText: /^amd64\s*1$/ }).waitFor();
  expect(await options.filter({ hasText: 'arm64' }).count()).toBe(0);
  expect(faults).toEqual([]);
  await context.close();
});

test('a login that ends is asked for over the page, and the same request goes on', async () => {
  const { page, context } = await openTab(browser, server);
  await login(page, server, 'o/profiles/rack-1');
  await page.getByLabel('Description', { exact: true }).fill('kept over the login');
  await server.call('PUT', 'users/rocketskates/password', { Password: 'r0cketsk8ts' });
  await page.keyboard.press('Control+Enter');
  await page.getByRole('dialog', { name: 'Your login has ended' }).waitFor();
  await page.getByLabel('Password').fill('r0cketsk8ts');
  await page.keyboard.press('Enter');
  await page.getByText('● done').waitFor();
  expect(((await server.call('GET', 'profiles/rack-1')).body as Record<string, unknown>)['Description']).toBe('kept over the login');
  await context.close();
});

test('a wrong password is refused without a dialogue of the browser', async () => {
  const { page, context } = await openTab(browser, server);
  let browserAsked = false;
  page.on('dialog', () => (browserAsked = true));
  await page.goto(`${server.url}/ux/`);
  await page.getByLabel('User').fill('rocketskates');
  await page.getByLabel('Password').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('User or password is not right.').waitFor();
  expect(browserAsked).toBe(false);
  await context.close();
});

test('a person who may only read is offered nothing else, and told why', async () => {
  await server.create('roles', { Name: 'reader', Claims: [{ scope: '*', action: 'list,get', specific: '*' }, { scope: 'objects', action: 'list', specific: '*' }, { scope: 'machines', action: 'list', specific: '' }] });
  await server.create('users', { Name: 'ann', Roles: ['reader'] });
  await server.call('PUT', 'users/ann/password', { Password: 'secret-1' });
  const { page, context } = await openTab(browser, server);
  await page.goto(`${server.url}/ux/o/profiles/rack-1`);
  await page.getByLabel('User').fill('ann');
  await page.getByLabel('Password').fill('secret-1');
  await page.keyboard.press('Enter');
  await page.getByText('You need: update profiles rack-1').waitFor();
  expect(await page.getByRole('button', { name: 'Save' }).getAttribute('aria-disabled')).toBe('true');
  await page.keyboard.press('.');
  expect(await page.getByRole('menuitem', { name: /Delete/ }).getAttribute('aria-disabled')).toBe('true');
  await context.close();
});

test('hostile names are text', async () => {
  const hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script>';
  await server.create('machines', { Name: 'hostile', Description: hostile });
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'machines?Name=hostile&_cols=Name,Description');
  await page.getByText(hostile).first().waitFor();
  expect(await page.evaluate(() => document.querySelectorAll('main img, main script').length)).toBe(0);
  expect(faults).toEqual([]);
  await context.close();
});

test('the server goes away and comes back: said at once, and gone by itself', async () => {
  const { page, context } = await openTab(browser, server);
  await login(page, server, 'machines?sort=Name');
  await page.getByRole('button', { name: 'Live updates: live' }).waitFor();
  server.kill();
  await page.getByText(/^Not connected since \d\d:\d\d:\d\d\./).waitFor();
  expect(await page.getByRole('rowheader', { name: 'web-01' }).count()).toBe(1);
  const create = page.getByRole('button', { name: 'New', exact: true });
  expect(await create.getAttribute('title')).toBe('Not connected: nothing can be changed until the server answers');
  await create.press('Enter');
  expect(new URL(page.url()).pathname).toBe('/ux/machines');
  await server.launch();
  await page.getByRole('button', { name: 'Live updates: live' }).waitFor();
  await page.getByText(/^Not connected since \d\d:\d\d:\d\d\./).waitFor({ state: 'detached' });
  expect(await create.getAttribute('aria-disabled')).toBeNull();
  await context.close();
});

test('a million rows: the end is a key away, and few elements are there', async () => {
  const { page, context, faults } = await openTab(browser, server, { ownWorker: true });
  // A server that holds a million is slow to make; this one is asked for what it would answer, so it may not watch. It
  // says what it can do to whoever logs in and to whoever asks.
  await context.route(/\/api\/v3\/(info|users\/[^/]+\/token)(\?|$)/, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { Info?: { features: string[] }; features: string[] };
    const info = body.Info ?? body;
    info.features = info.features.filter((feature) => feature !== 'ux-watch');
    await route.fulfill({ response: answer, json: body });
  });
  await context.route(/\/api\/v3\/machines(\?|$)/, async (route) => {
    if (route.request().url().includes('group-by=')) return route.fulfill({ json: [] });
    const offset = Number(new URL(route.request().url()).searchParams.get('offset') ?? '0');
    const rows = Array.from({ length: 100 }, (_, at) => ({ Uuid: `00000000-0000-0000-0000-${String(offset + at).padStart(12, '0')}`, Name: `m${offset + at}`, Endpoint: 'A' }));
    await route.fulfill({ json: rows, headers: { 'X-DRP-LIST-FILTER-COUNT': '1000000', 'X-DRP-LIST-TOTAL-COUNT': '1000000' } });
  });
  await login(page, server, 'machines?sort=Name');
  await page.getByRole('rowheader', { name: 'm0', exact: true }).waitFor();
  await page.locator('[role=grid][aria-rowcount="1000001"]').waitFor();
  await page.getByRole('grid').press('End');
  await page.getByRole('rowheader', { name: 'm999999', exact: true }).waitFor();
  await type(page, 'G', '9', '0', '0', '0', '0', '1', 'Enter');
  await page.getByRole('rowheader', { name: 'm900000', exact: true }).waitFor();
  expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe('1000001');
  // Wheel notches are rows even where the scrollbar is proportional.
  await page.getByRole('grid').hover();
  await page.mouse.wheel(0, 280);
  await page.getByRole('rowheader', { name: 'm900010', exact: true }).waitFor();
  expect(await page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThan(4000);
  expect(faults).toEqual([]);
  await context.close();
});
