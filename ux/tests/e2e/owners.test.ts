/** Objects of other owners: their age, writes that travel, and what is said when the owner cannot be reached. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { axe, login, openTab, Server, startBrowser, until } from '../harness';

let manager: Server;
let site: Server;
let browser: Browser;

beforeAll(async () => {
  [manager, site, browser] = await Promise.all([Server.start('M1'), Server.start('A'), startBrowser()]);
  // The site manages others, too; both have an endpoint that is called twin.
  await Promise.all([manager, site].map((server) => server.call('POST', 'prefs', { manager: 'true' })));
  await manager.create('endpoints', { Id: 'twin', Description: 'of the manager' });
  await site.create('endpoints', { Id: 'twin', Description: 'of the site', Apply: true });
  await site.create('machines', { Name: 'edge-1' });
  // The same key at two owners.
  await manager.create('profiles', { Name: 'twice', Description: 'of the manager' });
  await site.create('profiles', { Name: 'twice', Description: 'of the site' });
  const added = await manager.call('POST', 'plugins/manager/actions/addEndpoint', { 'manager/url': site.url, 'manager/username': 'rocketskates', 'manager/password': 'r0cketsk8ts' });
  expect(added.status, JSON.stringify(added.body)).toBe(200);
  await until('A is followed', async () => ((await manager.call('GET', 'machines/Name:edge-1')).status === 200));
});

afterAll(async () => {
  await browser?.close();
  await Promise.all([manager?.stop(), site?.stop()]);
});

test('a write goes to its owner, then the owner is lost: stale is marked, and the next write is not shown as done', async () => {
  const { page, context, faults } = await openTab(browser, manager);
  await login(page, manager, 'machines?Endpoint=A');
  await page.getByRole('gridcell', { name: 'A', exact: true }).waitFor();
  await page.getByRole('grid').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('tab', { name: 'Form' }).click();
  await page.getByLabel('Description', { exact: true }).fill('through the manager');
  await page.keyboard.press('Control+Enter');
  await page.locator('[data-outcome]').filter({ hasText: /done|written at A/ }).waitFor();
  expect(((await site.call('GET', 'machines/Name:edge-1')).body as Record<string, unknown>)['Description']).toBe('through the manager');

  site.kill();
  onTestFinished(() => site.launch());
  await until('A is not in touch', async () => 'x-mullion-stale' in (await manager.call('GET', 'machines?Endpoint=A')).headers);
  await page.getByLabel('Description', { exact: true }).fill('into the dark');
  await page.keyboard.press('Control+Enter');
  // Which of the two is the server's to say; both keep what was typed, and neither looks done.
  await page.locator('[data-outcome]').filter({ hasText: /Nothing was changed|may have been carried out/ }).waitFor();
  expect(await page.getByLabel('Description', { exact: true }).inputValue()).toBe('into the dark');

  page.once('dialog', (dialog) => void dialog.accept());
  await page.goto(`${manager.url}/ux/machines?Endpoint=A`);
  await page.getByText(/All of this is up to .* old/).waitFor();
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('a key that two owners have: the one that is meant is read, changed and deleted, the other stays', async () => {
  const { page, context } = await openTab(browser, manager);
  await until('the site’s profile is here', async () => ((await manager.call('GET', 'profiles?Endpoint=A&Name=twice')).body as unknown[]).length === 1);
  await until('A is in touch', async () => !('x-mullion-stale' in (await manager.call('GET', 'profiles?Endpoint=A')).headers));
  await login(page, manager, 'o/profiles?Name=twice&sort=Name');
  await until('two rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '3');
  await page.getByRole('row').filter({ has: page.getByRole('gridcell', { name: 'A', exact: true }) }).dblclick();
  const field = page.getByLabel('Description', { exact: true });
  await field.waitFor();
  expect(await field.inputValue()).toBe('of the site');
  await field.fill('changed at the site');
  await page.keyboard.press('Control+Enter');
  await page.locator('[data-outcome]').filter({ hasText: /done|written at A/ }).waitFor();
  expect(((await site.call('GET', 'profiles/twice')).body as Record<string, unknown>)['Description']).toBe('changed at the site');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Actions of twice' }).click();
  await page.getByRole('menuitem', { name: /Delete/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await until('it is gone at the site', async () => (await site.call('GET', 'profiles/twice')).status === 404);
  expect(((await manager.call('GET', 'profiles/twice')).body as Record<string, unknown>)['Description']).toBe('of the manager');
  await context.close();
});

test('an endpoint that two managers have: each row opens, changes and removes its own', async () => {
  const stored = async (server: Server) => (await server.call('GET', 'endpoints/twin')).body as Record<string, unknown>;
  const { page, context, faults } = await openTab(browser, manager);
  await until('the site’s endpoint is here', async () => ((await manager.call('GET', 'endpoints?Endpoint=A&Id=twin')).body as unknown[]).length === 1);
  await until('A is in touch', async () => !('x-mullion-stale' in (await manager.call('GET', 'profiles?Endpoint=A')).headers));
  await login(page, manager, 'endpoints?_view=table&Id=twin&_cols=Id,Endpoint,Description,Connection,Apply');
  await until('two rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '3');
  const ofSite = page.getByRole('row').filter({ hasText: 'of the site' });
  const act = async (name: RegExp) => {
    await ofSite.click();
    await page.getByRole('button', { name: /^Actions/ }).last().click();
    await page.getByRole('menuitem', { name }).click();
  };
  await act(/Pause applying/);
  await until('paused at the site', async () => (await stored(site))['Apply'] !== true);
  await ofSite.dblclick();
  await page.getByRole('heading', { level: 1, name: 'twin' }).waitFor();
  expect(new URL(page.url()).searchParams.get('owner')).toBe('A');
  await page.getByRole('link', { name: 'A', exact: true }).first().waitFor();
  await page.goBack();
  await act(/Remove/);
  await page.getByRole('dialog').getByText('Removes from A').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove twin' }).click();
  await until('it is gone at the site', async () => (await site.call('GET', 'endpoints/twin')).status === 404);
  expect((await stored(manager))['Description']).toBe('of the manager');
  expect(faults).toEqual([]);
  await context.close();
});
