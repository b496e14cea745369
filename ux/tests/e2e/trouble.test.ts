/** The night: why did they fail, what do their logs say, try them again; by keyboard, on real servers. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { axe, ForeignFleet, login, openTab, picture, Server, startBrowser, until } from '../harness';
import { go } from '../walk';

let manager: Server;
let fleet: ForeignFleet;
let browser: Browser;

beforeAll(async () => {
  [manager, fleet, browser] = await Promise.all([Server.start('M1'), ForeignFleet.start([{ id: 'C', failed: 60, finished: 120, seed: 1 }, { id: 'D', failed: 24, finished: 140, seed: 2, clock: 80 }]), startBrowser()]);
  await fleet.attach(manager);
  await until('all jobs are here', async () => ((await manager.call('GET', 'jobs?Endpoint=In(C,D)&limit=1')).headers['x-drp-list-filter-count'] as string) === '344');
});

afterAll(async () => {
  await browser?.close();
  await fleet?.stop();
  await manager?.stop();
});

test('the cause stands first, a key narrows to it, the link says it, and a log is a key away', async () => {
  const { page, context, faults } = await openTab(browser, manager, { width: 1280, height: 800 });
  await login(page, manager);
  await page.keyboard.press('g');
  await page.keyboard.press('f');
  await page.getByRole('heading', { level: 1, name: 'Failures' }).waitFor();
  await page.getByText('84 machines').waitFor();
  const strongest = page.locator('tr.strongest');
  await strongest.getByText('rack-switch-v2').waitFor();
  expect(await strongest.innerText()).toMatch(/84 of 84[^]*strongest/);
  await page.getByText(/2 kinds/).waitFor();
  await page.getByText('curl: (N) Connection timed out after N milliseconds: https://mirror.example.org/MAC').waitFor();
  await picture(page, 'failures-light');
  expect(await axe(page)).toEqual([]);
  await strongest.getByRole('link').focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Narrowed to').getByText('rack-switch-v2').waitFor();
  expect(new URL(page.url()).searchParams.get('Profiles')).toBe('rack-switch-v2');
  await page.reload();
  await page.getByLabel('Narrowed to').getByText('rack-switch-v2').waitFor();
  await page.getByText('84 machines').waitFor();
  await page.getByRole('row', { name: /web-[cd]-/ }).first().waitFor();
  await page.getByRole('grid').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: /Log of network-config/ }).getByText(/Command exited with status 1/).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('the list of jobs names machines; a site of another make is asked itself', async () => {
  const { page, context, faults } = await openTab(browser, manager, { ownWorker: true });
  await login(page, manager, 'jobs?State=failed&sort=StartTime');
  await page.getByRole('link', { name: /^web-[cd]-\d+\.example\.org$/ }).first().waitFor();
  await context.route(/\/api\/v3\/machines\?/, async (route) => {
    if (new URL(route.request().url()).pathname !== '/api/v3/machines') return route.fallback();
    const answer = await route.fetch();
    await route.fulfill({ response: answer, headers: { ...answer.headers(), 'x-mullion-stale': 'C;age=60' } });
  });
  await page.goto(`${manager.url}/ux/machines?Name=Re(-00)`);
  await page.getByRole('button', { name: 'Ask sites now' }).press('Enter');
  await page.getByRole('status').filter({ hasText: '1 site answered, with what is shown here.' }).waitFor();
  await page.getByRole('row', { name: /^C equal at .* 10 10 60 s old$/ }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('the clock of a site that is wrong is said to be, and by how much', async () => {
  const { page, context, faults } = await openTab(browser, manager);
  await login(page, manager, 'endpoints');
  await page.getByRole('row', { name: /^D / }).getByText(/^clock (79|80|81) s ahead$/).waitFor();
  expect(await page.getByRole('row', { name: /^C / }).getByText(/^clock/).count()).toBe(0);
  expect(await axe(page)).toEqual([]);
  await go(page, 'endpoints/D');
  await page.getByText(/(79|80|81) s ahead of this server’s$/).waitFor();
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('the log is found in, and hostile lines are text', async () => {
  const job = ((await manager.call('GET', 'jobs?Endpoint=C&State=failed&limit=1')).body as Record<string, string>[])[0]!;
  const { page, context, faults } = await openTab(browser, manager);
  await login(page, manager, `jobs/${job['Uuid']}?owner=C`);
  const log = page.getByRole('region', { name: /Log of/ });
  await log.getByText('Command exited').waitFor();
  await log.focus();
  await page.keyboard.press('/');
  await page.keyboard.type('FAILED');
  await page.getByText('1 of 1').waitFor();
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => [...((CSS as unknown as { highlights: Map<string, Set<Range>> }).highlights.get('log-found') ?? [])].map(String))).toEqual(['failed']);
  await page.keyboard.press('Escape');
  expect(await log.evaluate((box) => box === document.activeElement)).toBe(true);
  await picture(page, 'job-log-light');
  expect(await axe(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

/** A server that runs bulks has taken it over: it asks after the first five. */
async function continueBulk(page: Page): Promise<void> {
  await page.waitForURL(/\/ux\/bulk\/retry-/);
  const bulk = `bulks/${page.url().split('/').at(-1)!}`;
  const state = async () => String(((await manager.call('GET', bulk)).body as Record<string, unknown>)['State']);
  await until('it asks', async () => (await state()) === 'asking');
  await manager.call('POST', `${bulk}/actions/continue`, {});
  await until('it is done', async () => (await state()) === 'done');
}

test('a kind is selected and tried again: the first five, then the rest; the owner has it', async () => {
  const { page, context, faults } = await openTab(browser, manager);
  await login(page, manager, 'failures?Endpoint=D');
  await page.getByText('24 machines').waitFor();
  await page.getByRole('button', { name: /Select the \d+ whose log says: curl/ }).click();
  const chosen = Number(/(\d+) selected/.exec(await page.getByText(/\d+ selected/).innerText())![1]);
  expect(chosen).toBeGreaterThan(10);
  await page.keyboard.press('.');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: /Retry/ }).waitFor();
  await picture(page, 'retry-light');
  await page.getByRole('button', { name: `Retry ${chosen}` }).last().click();
  if (((await manager.call('GET', 'objects')).body as string[]).includes('bulks')) await continueBulk(page);
  else {
    await page.getByText(`5 of ${chosen}`).waitFor();
    await page.getByRole('button', { name: /Go on with the other/ }).click();
    await page.getByText(`${chosen} of ${chosen}`).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  }
  const runnable = ((await manager.call('GET', 'machines?Endpoint=D&Runnable=false&limit=1')).headers['x-drp-list-filter-count'] as string) ?? '';
  expect(Number(runnable)).toBe(24 - chosen);
  expect(faults).toEqual([]);
  await context.close();
});

test('a site that goes dark: its logs are said not to be read, and it is left out of a retry', async () => {
  fleet.silence('D');
  await until('D is dark', async () => ((await manager.call('GET', 'jobs?Endpoint=D&limit=1')).headers['x-mullion-stale'] as string | undefined)?.includes('D'));
  const { page, context, faults } = await openTab(browser, manager, { theme: 'dark', width: 1920, height: 1080 });
  await login(page, manager, 'failures');
  await page.getByText(/Logs of 24 were not read: D not in touch/).waitFor();
  await picture(page, 'failures-dark');
  expect(await axe(page)).toEqual([]);
  await page.getByRole('row', { name: /web-c-/ }).first().waitFor();
  await page.getByRole('grid').focus();
  await page.keyboard.press('*');
  await page.getByText('84 selected').waitFor();
  await page.getByRole('button', { name: 'Retry 84…' }).click();
  await page.getByText('not in touch: would be refused').waitFor();
  await page.getByRole('button', { name: 'Retry 60', exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await page.goto(`${manager.url}/ux/failures?Task=no-such-task`);
  await page.getByText('Nothing failed in the last hour that fits this.').waitFor();
  expect(faults).toEqual([]);
  await context.close();
});
