/** Three servers as one endpoint: who serves, what may be done to it, and why not. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsFor } from '../everybody';
import { BINARY, freePort, login, openTab, Server, startBrowser, until } from '../harness';

const run = promisify(execFile);
let members: Server[];
let browser: Browser;

interface Member { ConsensusID: string; ApiUrl: string; Offline: boolean }
const fact = async <T>(server: Server, what: string) => (await server.call('GET', `system/consensus/${what}`)).body as T;
const serves = async (server: Server) => (await server.call('GET', '/healthz/active')).status === 200;

/** As an operator does it: one command, at the member that serves. */
async function enrol(active: Server, server: Server): Promise<void> {
  await run(BINARY, ['-E', active.url, '-U', 'rocketskates', '-P', 'r0cketsk8ts', 'system', 'ha', 'enroll', server.url, 'rocketskates', 'r0cketsk8ts', 'ConsensusAddr', `127.0.0.1:${await freePort()}`], { env: { ...process.env, HOME: active.folder } });
}

beforeAll(async () => {
  [members, browser] = await Promise.all([Promise.all(['n1', 'n2', 'n3'].map((id) => Server.start(id))), startBrowser()]);
  const first = members[0]!;
  for (const [at, server] of members.entries()) {
    await enrol(first, server);
    await until(`${server.id} is a member`, async () => (await serves(first)) && (await fact<Member[]>(first, 'peers')).filter((member) => !member.Offline).length === at + 1);
  }
  // A member has a vote only when it has caught up.
  await until('all three vote', async () => !((await first.call('GET', 'info')).body as { errors: string[] | null }).errors?.some((text) => text.includes('have a vote')));
  await first.create('roles', { Name: 'reader', Claims: [{ scope: '*', action: 'list,get', specific: '*' }] });
  await first.create('users', { Name: 'ann', Roles: ['reader'] });
  await first.call('PUT', 'users/ann/password', { Password: 'secret-1' });
});

afterAll(async () => {
  await browser?.close();
  await Promise.all(members?.map((server) => server.stop()) ?? []);
});

const row = (page: Page, id: string) => page.getByRole('row').filter({ hasText: id });

test('who may only read is offered no hand-over, and the server refuses it', async () => {
  const { page, context } = await openTab(browser, members[0]!);
  await page.goto(`${members[0]!.url}/ux/cluster`);
  await page.getByLabel('User', { exact: true }).fill('ann');
  await page.getByLabel('Password', { exact: true }).fill('secret-1');
  await page.keyboard.press('Enter');
  const buttons = page.getByRole('button', { name: /^Hand over to/ });
  await until('two others', async () => (await buttons.count()) === 2);
  await buttons.first().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Why can’t I?' }).waitFor();
  expect((await members[0]!.call('POST', 'system/passive', undefined, 'ann:secret-1')).status).toBe(403);
  expect(await serves(members[0]!)).toBe(true);
  await context.close();
});

test('while the members cannot be asked what was told stays, with its time, and nothing is offered by it', async () => {
  const { page, context, faults } = await openTab(browser, members[0]!);
  await login(page, members[0]!, 'cluster');
  const remove = page.getByRole('button', { name: /^Remove member/ }).first();
  await remove.waitFor();
  await page.route(/\/api\/v3\/info$/, (route) => route.fulfill({ status: 503, contentType: 'application/json', body: '{"Messages":["no leader at present"]}' }));
  await page.keyboard.press('r');
  await page.getByRole('alert').getByText(/^What is shown below is as it was at \d\d:\d\d:\d\d\.$/).waitFor();
  expect(await page.getByRole('button', { name: /^Remove member/ }).count()).toBe(3);
  expect([await remove.getAttribute('aria-disabled'), await remove.getAttribute('title')]).toEqual(['true', 'The members cannot be asked now']);
  expect(await faultsFor(page)).toEqual([]);
  await page.unroute(/\/api\/v3\/info$/);
  await page.keyboard.press('r');
  await page.getByRole('alert').waitFor({ state: 'detached' });
  expect(faults).toEqual([]);
  await context.close();
});

test('the lead is handed over by keyboard, and the page tells who serves then', async () => {
  const { page, context, faults } = await openTab(browser, members[0]!);
  await login(page, members[0]!, 'cluster');
  const peers = await fact<Member[]>(members[0]!, 'peers');
  const heir = peers.find((member) => member.ApiUrl.endsWith(`:${members[1]!.port}`))!;
  await row(page, heir.ConsensusID).waitFor();
  // How far each is: log, files, and the disk of a majority.
  await row(page, heir.ConsensusID).getByText('all here').nth(1).waitFor();
  await page.getByText(/^The newest commit was durable at a majority after [\d.]+ (ms|s)\.$/).waitFor();
  expect(await faultsFor(page)).toEqual([]);
  // The one that serves has no such button: it would give the lead to itself.
  expect(await page.getByRole('button', { name: /^Hand over to/ }).count()).toBe(2);
  await row(page, heir.ConsensusID).getByRole('button', { name: /^Hand over to/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Hand the lead over?' }).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Hand over' }).press('Enter');
  await until('the other one serves', () => serves(members[1]!));
  await row(page, heir.ConsensusID).getByText('leader').waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('what endangers the majority is disabled, with the sum', async () => {
  const active = members[1]!;
  await until('all are up again', async () => (await fact<Member[]>(active, 'peers')).every((member) => !member.Offline));
  members[2]!.kill();
  await until('one is away', async () => (await fact<Member[]>(active, 'peers')).some((member) => member.Offline));
  const { page, context, faults } = await openTab(browser, active);
  await login(page, active, 'cluster');
  await page.getByText('2 of 3 are up and 2 must stay; the one that hands over starts anew, and meanwhile 1 would be').first().waitFor();
  for (const button of await page.getByRole('button', { name: /^Hand over to/ }).all()) expect(await button.getAttribute('aria-disabled')).toBe('true');
  expect(await faultsFor(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});
