/**
 * Every page for everybody: the rules of WCAG in light, dark and forced colours, nothing that sticks out from 320 px to
 * 1920 px and with twice the text, nothing that moves. Pages that need sites have the same in their own files.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsFor } from '../everybody';
import { login, openTab, Server, startBrowser } from '../harness';
import { addresses, furnish, go } from '../walk';

let server: Server;
let browser: Browser;
let places: Record<string, string>;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  places = await furnish(server);
  for (let number = 0; number < 30; number++) await server.create('machines', { Name: `web-${String(number).padStart(3, '0')}.example.org`, Description: number % 3 === 0 ? 'rack 4' : '', Arch: number % 5 === 0 ? 'arm64' : 'amd64', Address: `10.0.0.${number}` });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** States of pages that no address of the router has by itself. */
const STATES = ['machines?Nmae=x', 'machines?Arch=arm64&Nmae=x&sort=Name', 'o/reservations', 'o/profiles/walk?_tab=json', 'o/profiles/walk?_tab=used', 'o/profiles/nowhere', 'o/nowhere', 'nowhere'];

test('the login', async () => {
  const { page, context } = await openTab(browser, server);
  await page.goto(`${server.url}/ux/`);
  await page.getByLabel('User').waitFor();
  expect(await faultsFor(page)).toEqual([]);
  await context.close();
});

// In two halves, so that two cores have something to do.
test.concurrent.each([0, 1])('every page, half %d', async (half) => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server);
  const wrong: string[] = [];
  for (const path of [...addresses(places), ...STATES].filter((_, at) => at % 2 === half)) {
    await go(page, path);
    wrong.push(...(await faultsFor(page)).map((fault) => `/ux/${path}: ${fault}`));
    const titles = await page.locator('h1').count();
    if (titles !== 1) wrong.push(`/ux/${path}: ${titles} headings of the first level`);
  }
  expect(wrong).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});
