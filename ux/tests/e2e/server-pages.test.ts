/** Events, logs, access, system, me: their main job by keyboard, on real servers. */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { axe, login, openTab, picture, Server, startBrowser, until } from '../harness';
import { go } from '../walk';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  await server.create('profiles', { Name: 'rack-1', Description: 'first rack' });
  await server.create('roles', { Name: 'reader', Claims: [{ scope: '*', action: 'list,get', specific: '*' }] });
  await server.create('roles', { Name: 'operator', Claims: [{ scope: 'machines', action: 'update', specific: '*' }] });
  await server.create('users', { Name: 'ann', Roles: ['reader'] });
  await server.create('users', { Name: 'bob', Roles: ['operator'] });
  await server.call('PUT', 'users/ann/password', { Password: 'secret-1' });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

async function loginAs(page: Page, user: string, password: string, path: string): Promise<void> {
  await page.goto(`${server.url}/ux/${path}`);
  await page.getByLabel('User', { exact: true }).fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1 }).waitFor();
}

const describe = (text: string) => server.call('PATCH', 'profiles/rack-1', [{ op: 'replace', path: '/Description', value: text }]);

// What a cut is told by is tested in live.test.ts.
test('events stand still while one reads, and tell what changed', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'events?_pattern=profiles');
  await page.getByRole('button', { name: 'Live updates: live' }).waitFor();
  await describe('one');
  await page.getByRole('cell', { name: 'rack-1' }).first().waitFor();
  await page.getByRole('button', { name: /Difference of profiles rack-1/ }).first().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('cell', { name: 'first rack', exact: true }).waitFor();
  await page.getByRole('cell', { name: 'one', exact: true }).waitFor();
  await describe('two');
  await page.getByRole('button', { name: /1 new line/ }).waitFor();
  expect(await page.getByRole('cell', { name: 'two', exact: true }).count()).toBe(0);
  expect(await axe(page)).toEqual([]);
  await page.keyboard.press('r');
  await until('both are there', async () => (await page.getByRole('button', { name: /Difference of profiles rack-1/ }).count()) === 2);
  await page.getByRole('button', { name: 'Grouped by object' }).click();
  await page.getByText('update ×2').waitFor();
  await page.getByRole('button', { name: 'Grouped by object' }).click();
  await picture(page, 'events-light');
  expect(faults).toEqual([]);
  await context.close();
});

test('the log: by level and word, and all lines of one request', async () => {
  await server.call('POST', 'prefs', { logLevel: 'info' });
  await describe('three');
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'logs?_text=profiles/rack-1');
  await page.getByRole('cell', { name: /PATCH .*profiles\/rack-1/ }).first().waitFor();
  await page.locator('.link').first().click();
  await page.getByText(/request [0-9a-f]{8}/).waitFor();
  expect(await axe(page)).toEqual([]);
  await picture(page, 'logs-light');
  expect(faults).toEqual([]);
  await context.close();
});

test('why can’t I: the missing claim, the role that would do, and a 403 asks the same', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await loginAs(page, 'ann', 'secret-1', 'machines');
  await page.getByRole('button', { name: 'New' }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Why can’t I?' });
  await dialog.getByText('machines create').waitFor();
  await dialog.getByText('superuser').waitFor();
  expect(await axe(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await page.goto(`${server.url}/ux/access/why?user=ann&scope=machines&action=update&specific=web-1`);
  await page.getByText('✖ No.').waitFor();
  await page.getByRole('link', { name: 'operator', exact: true }).first().waitFor();
  await page.getByRole('link', { name: 'bob' }).waitFor();
  await page.getByLabel('User', { exact: true }).fill('bob');
  await page.keyboard.press('Tab');
  await page.getByText('● Yes.').waitFor();
  await picture(page, 'why-light');
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('a password is changed and one stays logged in; log out everywhere ends other tabs', async () => {
  const one = await openTab(browser, server);
  const two = await openTab(browser, server);
  await loginAs(one.page, 'ann', 'secret-1', 'me?_tab=account');
  await loginAs(two.page, 'ann', 'secret-1', 'machines');
  await one.page.getByLabel('New password of ann').fill('secret-2');
  await one.page.keyboard.press('Enter');
  await one.page.getByText('● done').waitFor();
  expect(await one.page.getByRole('dialog').count()).toBe(0);
  await two.page.keyboard.press('r');
  await two.page.getByRole('dialog', { name: 'Your login has ended' }).waitFor();
  await picture(one.page, 'me-account-light');
  await one.page.getByRole('button', { name: 'Make a token' }).click();
  const token = await one.page.getByLabel(/The token/).inputValue();
  expect(token.length).toBeGreaterThan(20);
  await one.page.getByRole('button', { name: 'Log out everywhere…' }).focus();
  await one.page.keyboard.press('Enter');
  await one.page.getByRole('dialog', { name: 'Why can’t I?' }).waitFor();
  await one.page.keyboard.press('Escape');
  await two.context.close();
  // Somebody who may: the token that ann made is dead afterwards.
  const admin = await openTab(browser, server);
  await login(admin.page, server, 'access/users/ann');
  await admin.page.getByRole('button', { name: 'Log out everywhere…' }).click();
  await admin.page.getByRole('dialog').getByRole('button', { name: 'Log out everywhere' }).click();
  await admin.page.getByText('● done').waitFor();
  await one.page.goto(`${server.url}/ux/machines`);
  await one.page.getByRole('dialog').waitFor();
  expect(one.faults).toEqual([]);
  expect(admin.faults).toEqual([]);
  await one.context.close();
  await admin.context.close();
});

test('system: a preference is set, a bad one refused in the server’s words; certificate, backup and keys', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'system?_tab=preferences');
  await page.getByLabel('jobsToKeep', { exact: true }).fill('many');
  await page.keyboard.press('Enter');
  await page.getByText(/jobsToKeep: .*invalid syntax/).waitFor();
  await page.getByLabel('jobsToKeep', { exact: true }).fill('7');
  await page.keyboard.press('Enter');
  await page.getByText('● done').waitFor();
  expect(((await server.call('GET', 'prefs')).body as Record<string, string>)['jobsToKeep']).toBe('7');
  expect(await page.getByText(/Secret/).count()).toBe(0);
  await picture(page, 'preferences-light');
  expect(await axe(page)).toEqual([]);
  await go(page, 'system?_tab=certificate');
  await page.getByText(/ends in \d+ d/).waitFor();
  await page.getByText(/^[0-9a-f]{4}( [0-9a-f]{4}){15}/).waitFor();
  await picture(page, 'certificate-light');
  expect(await axe(page)).toEqual([]);
  await go(page, 'system?_tab=upgrade');
  await page.getByRole('button', { name: 'Make a backup' }).click();
  await page.getByText(/● In .*backups/).waitFor();
  await page.setInputFiles('input[type=file]', { name: 'v9.9.9.amd64.linux.zip', mimeType: 'application/zip', buffer: Buffer.from('no package') });
  await page.getByRole('button', { name: 'Check and upgrade…' }).click();
  await page.getByLabel(/Type site-a/).fill('site-a');
  await page.keyboard.press('Enter');
  await page.getByText(/Cannot explode/).waitFor();
  expect(await axe(page)).toEqual([]);
  const [support] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Support file' }).click()]);
  const collected = JSON.parse(readFileSync(await support.path(), 'utf8')) as { Info: { id: string }; Interface: { elements: number; connection: { state: string } } };
  expect([collected.Info.id, collected.Interface.elements > 50, collected.Interface.connection.state]).toEqual(['site-a', true, 'live']);
  // The same figures, while one works.
  await page.keyboard.press('Control+Shift+P');
  const figures = page.getByRole('region', { name: 'Figures of this page' });
  await figures.getByText(/^\d+, longest \d+ ms$/).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.keyboard.press('Control+Shift+P');
  await figures.waitFor({ state: 'detached' });
  await go(page, 'system');
  await page.getByText('Content is loaded').waitFor();
  await picture(page, 'system-light');
  expect(await axe(page)).toEqual([]);
  await go(page, 'system?_tab=metrics');
  await page.getByRole('region', { name: 'Metrics' }).or(page.getByText('on a port of their own')).waitFor();
  await picture(page, 'metrics-light');
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('me: a key is rebound, one that is taken is refused, one is switched off; a view is saved', async () => {
  const { page, context, faults } = await openTab(browser, server, { theme: 'dark' });
  await login(page, server, 'me?_tab=keys');
  await page.getByRole('button', { name: 'Change: Ask again now' }).click();
  await page.keyboard.press('u');
  await page.keyboard.press('Enter');
  await page.getByText('u is One level up already').waitFor();
  await page.keyboard.press('Backspace');
  await page.keyboard.press('q');
  await page.keyboard.press('Enter');
  await page.getByText('changed', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Off: Fold the navigation' }).click();
  await page.keyboard.press('b');
  expect(await page.locator('nav.folded').count()).toBe(0);
  expect(await axe(page)).toEqual([]);
  await picture(page, 'keys-dark');
  await page.goto(`${server.url}/ux/o/profiles?Name=Re(^rack)&sort=Name`);
  await page.getByRole('row', { name: /rack-1/ }).waitFor();
  await page.keyboard.press('s');
  await page.getByLabel('Name', { exact: true }).fill('Racks');
  await page.keyboard.press('Enter');
  await page.getByText('View Racks saved').waitFor();
  await go(page, 'me?_tab=views');
  await page.getByRole('link', { name: 'Racks' }).click();
  await page.getByRole('row', { name: /rack-1/ }).waitFor();
  expect(new URL(page.url()).searchParams.get('Name')).toBe('Re(^rack)');
  expect(faults).toEqual([]);
  await context.close();
});

test('a login that nobody uses is warned of, kept by a key, and ends', async () => {
  const { page, context } = await openTab(browser, server);
  await page.addInitScript(() => localStorage.setItem('mullion.inactivity', '1'));
  await page.clock.install();
  await login(page, server, 'machines');
  await page.clock.fastForward(40_000);
  await page.getByRole('dialog', { name: 'Still there?' }).waitFor();
  await page.keyboard.press('Shift');
  await page.getByRole('dialog', { name: 'Still there?' }).waitFor({ state: 'detached' });
  await page.clock.fastForward(70_000);
  await page.getByRole('dialog', { name: 'Your login has ended' }).waitFor();
  expect(await page.evaluate(() => sessionStorage.getItem('mullion.session'))).toBeNull();
  await context.close();
});
