/** Accessibility trees against texts in git, on a server of their own: they hold only what this file makes. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { golden, login, openTab, Server, startBrowser } from '../harness';
import { go, settled } from '../walk';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  await server.create('profiles', { Name: 'rack-1', Description: 'first rack' });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test('what a screen reader is told, as text in git', async () => {
  const { page, context } = await openTab(browser, server);
  await login(page, server);
  for (const [name, path, ready] of [['list', 'o/profiles?_cols=Name,Description', 'rack-1'], ['object', 'o/profiles/rack-1', 'Identity'], ['empty', 'o/reservations', 'No reservations here yet'], ['no-manager', 'endpoints', 'This server looks after itself only'], ['me', 'me', 'Theme'], ['roles', 'access/roles', 'superuser'], ['why', 'access/why?scope=machines&action=update', 'Yes.'], ['failures', 'failures', 'Nothing failed'], ['events', 'events', 'Nothing has happened'], ['upgrade', 'system?_tab=upgrade', 'no upgrade yet']] as const) {
    await go(page, path);
    await page.getByText(ready).first().waitFor();
    await settled(page);
    const { expected, actual } = golden(name, (await page.locator('main').ariaSnapshot()).replace(/changed \S+ ago/g, 'changed N ago').replace(/Gte\([^)]*\)/g, 'Gte(TIME)').replace(/definition: \/.*/g, 'definition: PROGRAM').replace(/\n {4}- option "[a-z_]+"(?: \[selected\])?(?=\n)/g, '').replace(/v\d+\.\d+\.\d+\S*/g, 'VERSION').replace(/as of \d\d:\d\d:\d\d/g, 'as of TIME').replace(/"Events a second: [^"]*"/g, '"Events a second"'));
    expect(actual, name).toBe(expected);
  }
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  const { expected, actual } = golden('help', await page.getByRole('dialog').ariaSnapshot());
  expect(actual).toBe(expected);
  await context.close();
});
