/** The server is replaced under the page: the page waits, says so, and tells how it ended. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BINARY, login, openTab, Server, startBrowser } from '../harness';

let server: Server;
let browser: Browser;
let folder: string;
let archive: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mullion-ux-package-'));
  const tool = join(__dirname, '..', '..', '..', 'tools', 'make_package.py');
  execFileSync('/usr/bin/python3', [tool, '--program', BINARY, '--output', folder, '--strip']);
  archive = join(folder, readdirSync(folder).find((name) => name.endsWith('.zip'))!);
  [server, browser] = await Promise.all([Server.start('site-a', { own: true, flags: ['--allow-unsigned-packages'] }), startBrowser()]);
  await server.create('profiles', { Name: 'rack-1' });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('package, checked, restart with the page waiting and saying so, result', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'system?_tab=upgrade');
  await page.getByText(/no upgrade yet/).waitFor();
  await page.setInputFiles('input[type=file]', archive);
  await page.getByLabel('Also an older or the same version').check();
  await page.getByRole('button', { name: 'Check and upgrade…' }).click();
  await page.getByLabel(/Type site-a/).fill('site-a');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'site-a restarts' }).waitFor();
  await page.getByRole('dialog', { name: 'site-a restarts' }).waitFor({ state: 'detached' });
  await page.getByText(/The server came back as|This server is/).waitFor();
  await page.getByText('● upgraded').waitFor();
  await page.getByRole('button', { name: 'Live updates: live' }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});
