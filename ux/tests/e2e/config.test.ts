/** The pages of configuration against real servers: a manager, sites that it configures, real packs, real uploads. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsFor } from '../everybody';
import { axe, login, openTab, startBrowser, until } from '../harness';
import { startSites, type Sites } from '../sites';
import { go } from '../walk';

let estate: Sites;
let browser: Browser;

beforeAll(async () => {
  [estate, browser] = await Promise.all([startSites(['edge-1', 'edge-2', 'edge-3']), startBrowser()]);
  const { manager } = estate;
  for (const [at, site] of estate.sites.entries()) {
    await manager.call('PATCH', `endpoints/${site.id}`, [{ op: 'add', path: '/VersionSets', value: at < 2 ? ['base'] : ['spring', 'base'] }, { op: 'add', path: '/Meta/ring', value: at === 0 ? 'canary' : 'wide' }]);
  }
  await manager.create('params', { Name: 'site/password', Secure: true, Description: 'Of the site.', Schema: { type: 'string', minLength: 3 } });
  await manager.create('params', { Name: 'site/size', Secure: false, Description: 'How large it is.', Schema: { type: 'integer', minimum: 1, maximum: 9 } });
  await manager.create('profiles', { Name: 'rack-1', Params: { 'site/size': 2 } });
  await manager.create('machines', { Name: 'web-1', Profiles: ['rack-1'] });
});

afterAll(async () => {
  await browser?.close();
  await estate?.stop();
});

const press = async (page: Page, ...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};

test('a set is written by form and by text, and says what it will come to before it is saved', async () => {
  const { manager } = estate;
  const { page, context, faults } = await openTab(browser, manager);
  await login(page, manager, 'version-sets');
  await page.getByRole('link', { name: 'base' }).waitFor();
  await page.getByText('1 behind').first().waitFor();
  await page.getByRole('row', { name: /^base/ }).getByRole('link', { name: '3', exact: true }).waitFor();
  await page.goto(`${manager.url}/ux/version-sets/base/edit`);
  await page.getByLabel('Version of net-base').fill('stable');
  await page.getByText('the highest released version in the catalog of this server').waitFor();
  await page.locator('.cm-content').getByText('stable').waitFor();
  await page.getByText('3 endpoints').first().waitFor();
  await page.getByText(/saving makes/).waitFor();
  await page.getByText('content pack net-base: v1.1.0').first().waitFor();
  // The text moves the form.
  await page.locator('.cm-content').click();
  // Emptied first: what a browser does to text that is typed over is its own affair.
  await press(page, 'Control+a', 'Backspace');
  await page.keyboard.insertText('Id: base\nDescription: By text\nApply: false\nComponents:\n  - {Name: net-base, Type: ContentPackage, Version: v1.0.0}\n  - {Name: nowhere, Type: ContentPackage, Version: v9}\nPrefs: {defaultStage: none}\n');
  await until('the form follows', async () => (await page.getByLabel('Description').inputValue()) === 'By text');
  await page.getByText('in no catalog').first().waitFor();
  await page.keyboard.insertText('{');
  await page.getByRole('button', { name: 'Save' }).and(page.locator('[aria-disabled="true"]')).waitFor();
  await press(page, 'Backspace', 'Control+Enter');
  await page.getByText('● done').waitFor();
  const stored = (await manager.call('GET', 'version_sets/base')).body as Record<string, unknown>;
  expect(stored['Description']).toBe('By text');
  expect((stored['Components'] as unknown[]).length).toBe(2);
  await manager.call('PATCH', 'version_sets/base', [{ op: 'remove', path: '/Components/1' }]);
  expect(faults).toEqual([]);
  await context.close();
});

test('sides are compared word by word; a line is ignored by a key, or says why it cannot be; a plan unfolds by one', async () => {
  const { manager } = estate;
  const { page, context, faults } = await openTab(browser, manager);
  await login(page, manager, 'version-sets/compare?_a=before:base&_b=set:base&_c=set:spring');
  await page.getByRole('row', { name: /^net-base / }).waitFor();
  await page.getByRole('row', { name: /^net-base / }).getByText('stable').waitFor();
  await press(page, 'i');
  await page.getByText('Go to a line first').waitFor();
  await page.getByRole('button', { name: 'net-base/size: ignore in spring' }).focus();
  await press(page, 'i');
  await page.getByText('cannot be ignored: leave it out of the set').waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByRole('button', { name: 'rack-tools: ignore in spring' }).focus();
  await press(page, 'i');
  await page.getByRole('heading', { level: 1, name: 'Edit spring' }).waitFor();
  await until('it says ignore', async () => (await page.getByLabel('Version of rack-tools').inputValue()) === 'ignore');
  page.once('dialog', (dialog) => void dialog.accept());
  await go(page, 'endpoints/edge-3?_tab=plan');
  await page.getByRole('rowheader', { name: /rack-tools/ }).waitFor();
  const unfolded = page.getByRole('region', { name: 'Lines of the plan' }).getByRole('button', { expanded: true });
  expect(await unfolded.count()).toBe(0);
  await press(page, 'e');
  await until('all lines are unfolded', async () => (await unfolded.count()) === (await page.locator('tr[data-line]').count()));
  expect(await axe(page)).toEqual([]);
  await unfolded.first().focus();
  await press(page, 'e');
  await until('the line of the focus is folded', async () => (await unfolded.count()) === (await page.locator('tr[data-line]').count()) - 1);
  // Who configures it says for how long yet; the endpoint itself is asked.
  const edge = estate.sites.find(({ id }) => id === 'edge-3')!;
  expect((await edge.call('POST', 'configuration_lease', { holder: 'm2', seconds: 60 })).status).toBe(200);
  await context.route(/\/endpoints\/edge-3\/plan/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: JSON.stringify({ ...((await answer.json()) as object), State: 'applying', ConfiguredBy: 'm2' }) });
  });
  await go(page, 'endpoints/edge-3?_tab=sets');
  await go(page, 'endpoints/edge-3?_tab=plan');
  await page.getByText('being applied by m2').waitFor();
  await page.getByText(/The lease of m2 lasts \d+ s unless it is renewed\./).waitFor();
  await page.getByText(/\d+ lines? left: what is done is not listed any more\./).waitFor();
  expect(await axe(page)).toEqual([]);
  await edge.call('DELETE', 'configuration_lease?holder=m2');
  await go(page, 'catalog/net-base?_version=v1.1.0&_with=v1.0.0');
  await page.getByRole('button', { name: /of profiles\/net-base-defaults$/ }).press('Enter');
  await page.locator('del', { hasText: 'v1.0.0' }).waitFor();
  await page.locator('ins', { hasText: 'v1.1.0' }).waitFor();
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('a fleet plan becomes a rollout, which is rehearsed, run and given back by keyboard', async () => {
  const { manager } = estate;
  const { page, context, faults } = await openTab(browser, manager);
  await login(page, manager, 'plan?sets=spring&Id=In(edge-1,edge-2)');
  await page.getByRole('link', { name: '2 endpoints' }).first().waitFor();
  await page.getByRole('button', { name: 'what A does' }).click();
  await page.getByRole('rowheader', { name: /rack-tools/ }).waitFor();
  await press(page, 'Control+Enter');
  await page.getByRole('heading', { level: 1, name: 'New rollout' }).waitFor();
  await page.getByLabel('Name', { exact: true }).fill('spring-1');
  await page.getByText('2 endpoints fit now.').waitFor();
  await page.getByRole('button', { name: 'Add wave' }).click();
  await page.getByLabel('Percent in wave 1').fill('50');
  await page.getByRole('button', { name: 'Add wave' }).click();
  await page.getByLabel('Kind of rule 2').selectOption('MetaKey');
  await page.getByLabel('Meta value of wave 2').focus();
  await press(page, 'Alt+ArrowUp');
  await page.getByLabel('Meta value of wave 1').waitFor();
  await page.getByText('Now wave 1 of 2').waitFor({ state: 'attached' });
  await page.getByLabel('ask one').check();
  await page.getByLabel('Filter of the gate').fill('Endpoint=In($endpoints)&Availble=false');
  await page.getByText('the gate would count nothing').waitFor();
  await page.getByRole('button', { name: 'Create' }).and(page.locator('[aria-disabled="true"]')).waitFor();
  await page.getByLabel('Filter of the gate').fill('Endpoint=In($endpoints)&Available=false');
  await page.getByText('would hold now').waitFor();
  await page.getByLabel('apply them, also where Apply is off').uncheck();
  // One that cannot be made is said on the page, and asked again there.
  await page.route(/\/actions\/dryrun$/, (route) => route.fulfill({ status: 500, contentType: 'application/json', body: '{"Messages":["the plans could not be made"]}' }), { times: 1 });
  await page.getByRole('button', { name: 'Rehearse' }).click();
  const unrehearsed = page.getByRole('alert').filter({ hasText: 'the plans could not be made' });
  await unrehearsed.getByRole('button', { name: 'Ask again' }).press('Enter');
  await page.getByText('nothing forbids to start').first().waitFor();
  await unrehearsed.waitFor({ state: 'detached' });
  await press(page, 'Control+Enter');
  await page.getByRole('heading', { level: 1, name: 'spring-1' }).waitFor();
  await page.getByRole('button', { name: 'Start…' }).focus();
  await press(page, 'Enter');
  await page.getByRole('dialog', { name: 'Start spring-1?' }).waitFor();
  await press(page, 'Tab', 'Enter');
  await page.getByRole('heading', { name: /Wave 1/ }).waitFor();
  await page.getByText('under way').first().waitFor();
  await page.getByText('1 endpoint', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Return all…' }).focus();
  await press(page, 'Enter');
  const dialog = page.getByRole('dialog', { name: 'Give back what 1 endpoint had?' });
  await dialog.getByRole('row', { name: /edge-1 spring, base base off/ }).waitFor();
  await dialog.getByRole('button', { name: 'Give everything back' }).focus();
  await press(page, 'Enter');
  await page.getByText('returned', { exact: true }).first().waitFor();
  await until('edge-1 has what it had', async () => JSON.stringify(((await manager.call('GET', 'endpoints/edge-1')).body as Record<string, unknown>)['VersionSets']) === '["base"]');
  expect(faults).toEqual([]);
  await context.close();
});

test('params: inherited, set, judged by the schema, sealed in the browser, revealed for half a minute', async () => {
  const { manager } = estate;
  const { page, context, faults } = await openTab(browser, manager);
  const bodies: string[] = [];
  page.on('request', (request) => bodies.push(request.postData() ?? ''));
  await login(page, manager, 'machines/Name:web-1?_tab=params');
  await page.getByRole('link', { name: 'profile rack-1' }).waitFor();
  await page.getByRole('button', { name: 'Set here site/size' }).click();
  await page.getByRole('spinbutton', { name: 'site/size' }).fill('99');
  await page.getByRole('button', { name: 'Save', exact: true }).last().and(page.locator('[aria-disabled="true"]')).waitFor();
  await page.getByRole('spinbutton', { name: 'site/size' }).fill('5');
  await until('it fits', async () => (await page.locator('form.editor button[type="submit"]').getAttribute('aria-disabled')) === null);
  await press(page, 'Enter');
  await page.getByText('over profile rack-1').waitFor();
  await page.getByLabel('Find a param').fill('password');
  await page.getByRole('button', { name: 'Set here site/password' }).click();
  await page.getByLabel('site/password', { exact: true }).fill('hunter2-secret');
  await until('it fits', async () => (await page.locator('form.editor button[type="submit"]').getAttribute('aria-disabled')) === null);
  await press(page, 'Enter');
  await page.getByRole('cell', { name: /sealed$/ }).waitFor();
  expect(bodies.some((body) => body.includes('hunter2-secret')), 'the secret left the browser').toBe(false);
  const stored = ((await manager.call('GET', 'machines/Name:web-1')).body as { Params: Record<string, { Payload?: string }> }).Params;
  expect(stored['site/size']).toBe(5);
  expect(stored['site/password']!.Payload).toBeTruthy();
  expect((await manager.call('GET', 'machines/Name:web-1/params/site%2Fpassword?decode=true')).body).toBe('hunter2-secret');
  expect(await page.getByText('hunter2-secret').count()).toBe(0);
  await page.getByRole('button', { name: 'Reveal site/password' }).click();
  await page.getByText('hunter2-secret').waitFor();
  await page.goto(`${manager.url}/ux/me/ledger`);
  await page.getByRole('cell', { name: /reveal param site\/password/ }).waitFor();
  expect(await page.getByText('hunter2-secret').count()).toBe(0);
  expect(faults).toEqual([]);
  await context.close();
});

test('an upload goes in pieces, goes on after a cut, and is compared by checksum', async () => {
  const { manager } = estate;
  const { page, context, faults } = await openTab(browser, manager);
  const content = randomBytes(20 * 1024 * 1024);
  const folder = join(manager.folder, 'to-send');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'big.bin'), content);
  const ranges: string[] = [];
  page.on('request', (request) => { const range = request.headers()['content-range']; if (range) ranges.push(range); });
  await login(page, manager, 'files/');
  await page.getByRole('link', { name: /rebar-catalog/ }).waitFor();
  let cut = true;
  await context.route(`${manager.url}/api/v3/files/big.bin*`, (route) => {
    const range = route.request().headers()['content-range'] ?? '';
    if (cut && range.startsWith('bytes 8388608-')) { cut = false; return route.abort(); }
    return route.continue();
  });
  await page.getByLabel('Files to upload').setInputFiles(join(folder, 'big.bin'));
  await page.getByRole('button', { name: /Go on with/ }).waitFor();
  await page.getByRole('button', { name: /Go on with/ }).click();
  await page.getByText('● uploaded, checksums are equal').waitFor();
  await page.getByText('went on at 8.0 MB').waitFor();
  expect(ranges).toEqual(['bytes 0-8388607/20971520', 'bytes 8388608-16777215/20971520', 'bytes 8388608-16777215/20971520', 'bytes 16777216-20971519/20971520']);
  const head = await manager.call('HEAD', 'files/big.bin');
  expect(head.headers['x-drp-sha256sum']).toBe(createHash('sha256').update(content).digest('hex'));
  await page.getByRole('button', { name: 'Delete big.bin' }).click();
  await page.getByText('Nothing that is known here references it.').waitFor();
  await press(page, 'Tab', 'Enter');
  await until('it is gone', async () => (await manager.call('HEAD', 'files/big.bin')).status === 404);
  expect(faults).toEqual([]);
  await context.close();
});

/** Those that show something else here than on the server of everybody.test.ts. */
const PAGES = [
  'version-sets', 'version-sets/spring', 'version-sets/spring/edit', 'version-sets/new', 'version-sets/compare?_a=is:edge-1&_b=declared:edge-1&_only=all', 'version-sets/compare?_a=set:nowhere&_b=set:base',
  'plan?sets=spring', 'plan', 'plan?sets=nowhere', 'rollouts', 'rollouts/new?sets=spring', 'rollouts/spring-1', 'rollouts/nowhere', 'catalog', 'catalog/net-base', 'catalog/nothing',
  'files/rebar-catalog/net-base/', 'params', 'params/site%2Fsize', 'machines/Name:web-1?_tab=params', 'content', 'content/BasicStore/params', 'content/nowhere', 'plugins',
];

test('no page of configuration breaks a rule of WCAG 2.2 AA or sticks out, in any look', async () => {
  const { page, context, faults } = await openTab(browser, estate.manager);
  await login(page, estate.manager);
  const wrong: string[] = [];
  for (const path of PAGES) {
    await go(page, path);
    wrong.push(...(await faultsFor(page)).map((fault) => `/ux/${path}: ${fault}`));
  }
  expect(wrong).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});
