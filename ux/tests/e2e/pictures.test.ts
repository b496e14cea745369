/** Pictures of every page in two themes and two widths, for people to look at; what a script can see of them is checked. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { login, openTab, picture, Server, startBrowser } from '../harness';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  for (let number = 0; number < 120; number++) {
    await server.create('machines', { Name: `web-${String(number).padStart(3, '0')}.example.org`, Description: number % 3 === 0 ? 'rack 4' : '', Arch: number % 5 === 0 ? 'arm64' : 'amd64', Address: `10.0.0.${number}` });
  }
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const PAGES = { machines: 'machines', filtered: 'machines?Arch=arm64&Nmae=x&sort=Name', collections: 'o', roles: 'o/roles', role: 'o/roles/superuser', me: 'me', empty: 'endpoints', system: 'system', newprofile: 'o/profiles/new' };

test.each([
  ['light', 1280, 720],
  ['dark', 1920, 1080],
] as const)('nothing is cut off or overflows: %s %d', async (theme, width, height) => {
  const { page, context, faults } = await openTab(browser, server, { theme, width, height });
  await login(page, server);
  for (const [name, path] of Object.entries(PAGES)) {
    await page.goto(`${server.url}/ux/${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(600);
    await picture(page, `${name}-${theme}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow, name).toBeLessThanOrEqual(0);
  }
  await page.goto(`${server.url}/ux/machines?sort=Name`);
  await page.getByRole('grid').focus();
  await page.getByText('web-003.example.org').first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await page.keyboard.press('x');
  await page.waitForTimeout(600);
  await picture(page, `panel-${theme}`);
  await page.keyboard.press('Enter');
  await page.waitForTimeout(600);
  await picture(page, `machine-${theme}`);
  await page.keyboard.press('Control+k');
  await page.waitForTimeout(300);
  await picture(page, `palette-${theme}`);
  expect(faults).toEqual([]);
  await context.close();
});
