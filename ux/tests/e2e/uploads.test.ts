/** Bodies on their way to a real server: how far they are, how they are cancelled, and what the page says after the last byte. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsFor } from '../everybody';
import { announcements, login, openTab, Server, startBrowser, throttle, until, Way } from '../harness';
import { pack } from '../sites';

const KB = 1024;
const MB = KB * KB;
let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a', { flags: ['--allow-unsigned-packages'] }), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const named = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
/** A pack that takes its time on a slow line. */
const largePack = (name: string) => named(`${name}.json`, Buffer.from(JSON.stringify(pack(name, 'v1.0.0', { Documentation: 'x'.repeat(MB) }))));

/** What a server has of bodies that are not complete. */
function unfinished(): string[] {
  return ['.unfinished', '.uploads'].map((name) => join(server.folder, 'root', name)).flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
}

/** How many bytes the page says are sent, twice: the second are more. */
async function grows(page: Page, name: string): Promise<void> {
  const bar = page.getByRole('progressbar', { name: `Sent of ${name}` });
  await bar.waitFor();
  const value = () => bar.evaluate((element: HTMLProgressElement) => element.value);
  const first = await value();
  await until('more is sent', async () => (await value()) > first);
  expect(await value()).toBeLessThan(await bar.evaluate((element: HTMLProgressElement) => element.max));
}

test('a file says how much is sent, how fast and what is left; cancelled by key it leaves nothing at the server', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'files/');
  await page.getByRole('button', { name: 'Upload…' }).waitFor();
  const slow = await throttle(page);
  const heard = await announcements(page);
  await slow(300 * KB);
  await page.getByLabel('Files to upload').setInputFiles(named('big.bin', randomBytes(20 * MB)));
  await grows(page, 'files/big.bin');
  await page.getByText(/^[\d.]+ [KM]B of 20 MB, \d+ KB\/s, about \d+ s left$/).waitFor();
  expect(unfinished()).toHaveLength(1);
  expect(await faultsFor(page)).toEqual([]);
  expect(await page.getByRole('progressbar', { name: 'Sent of files/big.bin' }).count()).toBe(1);
  await page.getByRole('button', { name: 'Cancel files/big.bin' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('Nothing of it is at the server.').waitFor();
  expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('files/big.bin');
  expect(unfinished()).toEqual([]);
  expect([(await server.call('HEAD', 'files/big.bin')).status, (await server.call('HEAD', 'files/big.bin?partial=true')).status]).toEqual([404, 404]);
  const told = await heard();
  expect(told[0]).toBe('files/big.bin: sending 20 MB');
  expect(told.at(-1)).toBe('files/big.bin: cancelled');
  // The start, the end, and quarters at most.
  expect(told.length).toBeLessThanOrEqual(5);
  expect(await faultsFor(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('a paused upload goes on with what the server has; quarters and the end are announced', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'files/');
  await page.getByRole('button', { name: 'Upload…' }).waitFor();
  const slow = await throttle(page);
  const heard = await announcements(page);
  await slow(2 * MB);
  await page.getByLabel('Files to upload').setInputFiles(named('half.bin', randomBytes(6 * MB)));
  await grows(page, 'files/half.bin');
  await page.getByRole('button', { name: 'Pause files/half.bin' }).click();
  await page.getByText('‖ paused').waitFor();
  await until('the server has a part', async () => Number((await server.call('HEAD', 'files/half.bin?partial=true')).headers['upload-offset']) > 0);
  await page.getByRole('button', { name: 'Go on with files/half.bin' }).click();
  await page.getByText(/^went on at /).waitFor();
  await page.getByText('● uploaded, checksums are equal').waitFor();
  const told = await heard();
  expect(told).toContain('files/half.bin: 75 % sent');
  expect(told.at(-1)).toBe('files/half.bin: uploaded, checksums are equal');
  expect((await server.call('HEAD', 'files/half.bin')).headers['content-length']).toBe(String(6 * MB));
  await page.getByRole('button', { name: 'Close files/half.bin' }).click();
  expect(await page.getByRole('region', { name: 'Uploads' }).count()).toBe(0);
  expect(faults).toEqual([]);
  await context.close();
});

/** As Ctrl+V does it; browsers let no page write files to the clipboard. */
async function paste(page: Page, into: string, what: { text?: string; file?: { name: string; content: string } }): Promise<void> {
  await page.locator(into).evaluate((target, { text, file }) => {
    const data = new DataTransfer();
    if (text !== undefined) data.setData('text/plain', text);
    if (file) data.items.add(new File([file.content], file.name));
    target.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, what);
}

test('files that are pasted are uploaded; the URL of one becomes the command that fetches it', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'files/');
  await page.getByRole('button', { name: 'Upload…' }).waitFor();
  const command = page.getByRole('region', { name: 'The URL that was pasted' });
  await paste(page, 'main', { text: 'https://mirror.example/isos/some%20disk.iso?x=1&y=2' });
  await command.getByText("mullion files upload 'https://mirror.example/isos/some%20disk.iso?x=1&y=2' to 'some disk.iso'", { exact: true }).waitFor();
  expect(await faultsFor(page)).toEqual([]);
  await paste(page, 'main', { text: 'https://me:hush-hush@mirror.example/a.iso' });
  await command.getByText(/^That URL has a login in it/).waitFor();
  expect(await page.content()).not.toContain('hush-hush');
  await page.getByRole('button', { name: 'Close what was pasted' }).click();
  await paste(page, 'main', { text: 'no URL at all' });
  await paste(page, 'main', { file: { name: 'pasted.txt', content: 'by hand' } });
  await page.getByText('● uploaded, checksums are equal').waitFor();
  expect(await command.count()).toBe(0);
  await page.getByRole('searchbox', { name: 'Find in this folder' }).waitFor();
  await paste(page, 'input[type=search]', { text: 'https://mirror.example/found.iso' });
  expect(await command.count()).toBe(0);
  expect((await server.call('HEAD', 'files/pasted.txt')).headers['content-length']).toBe('7');
  expect(faults).toEqual([]);
  await context.close();
});

test('a pack that is cancelled while it is sent changes nothing, and the ledger says so', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'content');
  await page.getByRole('link', { name: 'BasicStore' }).waitFor();
  const slow = await throttle(page);
  await slow(50 * KB);
  await page.getByLabel('Content pack to load').setInputFiles(largePack('large-pack'));
  await grows(page, 'large-pack.json');
  await page.getByRole('button', { name: 'Cancel large-pack.json' }).click();
  await page.getByText('Cancelled before all of it was sent. Nothing was changed.').waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('content');
  expect((await server.call('HEAD', 'contents/large-pack')).status).toBe(404);
  await page.goto(`${server.url}/ux/me/ledger`);
  await page.getByRole('row', { name: /load content large-pack/ }).getByText('○ cancelled').waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('a provider that is cancelled while it is sent is not loaded, and nothing of it stays', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'plugin-providers');
  await page.getByText('No plugin provider is loaded').waitFor();
  const slow = await throttle(page);
  await slow(100 * KB);
  await page.getByLabel('Program of a plugin provider').setInputFiles(named('power-v1.0.0', randomBytes(2 * MB)));
  await grows(page, 'power-v1.0.0');
  await page.getByRole('button', { name: 'Cancel power-v1.0.0' }).click();
  await page.getByText('Cancelled before all of it was sent. Nothing was changed.').waitFor();
  await until('nothing of it is there', () => Promise.resolve(unfinished().length === 0));
  expect((await server.call('HEAD', 'plugin_providers/power')).status).toBe(404);
  expect(faults).toEqual([]);
  await context.close();
});

test('a package of the server is cancelled while it is sent: no upgrade is begun', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'system?_tab=upgrade');
  await page.getByText(/no upgrade yet/).waitFor();
  const slow = await throttle(page);
  await slow(200 * KB);
  await page.setInputFiles('input[type=file]', named('v9.9.9.amd64.linux.zip', randomBytes(4 * MB)));
  await page.getByRole('button', { name: 'Check and upgrade…' }).click();
  await page.getByLabel(/Type site-a/).fill('site-a');
  await page.keyboard.press('Enter');
  await grows(page, 'v9.9.9.amd64.linux.zip');
  expect(await page.getByRole('button', { name: 'Check and upgrade…' }).getAttribute('aria-busy')).toBe('true');
  await page.getByRole('button', { name: 'Cancel v9.9.9.amd64.linux.zip' }).click();
  await page.getByText('Cancelled before all of it was sent. Nothing was changed.').waitFor();
  await until('nothing of it is there', () => Promise.resolve(unfinished().length === 0));
  expect(((await server.call('GET', 'system/upgrade')).body as { State: string }).State).toBe('none');
  expect(faults).toEqual([]);
  await context.close();
});

test('after the last byte the page says that the server has it, for how long, and what is waited for', async () => {
  const way = await Way.to(server);
  const { page, context, faults } = await openTab(browser, way);
  await login(page, way, 'content');
  await page.getByRole('link', { name: 'BasicStore' }).waitFor();
  const heard = await announcements(page);
  const slow = await throttle(page);
  await slow(200 * KB);
  await page.getByLabel('Content pack to load').setInputFiles(largePack('slow-pack'));
  // Its connection is there: what is held from now on is the answer.
  await grows(page, 'slow-pack.json');
  way.holdAnswers(true);
  await slow(-1);
  await page.getByText('◐ sent; the server is checking it').waitFor();
  await page.getByText('It takes the pack in and checks all of it').waitFor();
  await page.getByText(/^[1-9]\d* s$/).waitFor();
  // Nobody can take it back now.
  expect(await page.getByRole('button', { name: /^Cancel/ }).count()).toBe(0);
  expect(await page.getByRole('button', { name: /^Load a pack/ }).getAttribute('aria-busy')).toBe('true');
  expect(await faultsFor(page)).toEqual([]);
  way.holdAnswers(false);
  await page.getByRole('link', { name: 'slow-pack' }).waitFor();
  expect(await page.getByText('◐ sent; the server is checking it').count()).toBe(0);
  expect(await heard()).toContain('slow-pack.json: sent; the server is checking it');
  expect((await server.call('DELETE', 'contents/slow-pack')).status).toBe(204);
  expect(faults).toEqual([]);
  await context.close();
  await way.stop();
});

test('a cut is told with what to do, and the upload goes on when the way is whole', async () => {
  const way = await Way.to(server);
  const { page, context } = await openTab(browser, way);
  await login(page, way, 'files/');
  await page.getByRole('button', { name: 'Upload…' }).waitFor();
  const slow = await throttle(page);
  await slow(MB);
  await page.getByLabel('Files to upload').setInputFiles(named('cut.bin', randomBytes(6 * MB)));
  await grows(page, 'files/cut.bin');
  way.cut();
  await page.getByText('The connection was cut').waitFor();
  await page.getByText('The server keeps what it has for a day. Go on as soon as it answers.').waitFor();
  way.mend();
  await slow(-1);
  await page.getByRole('button', { name: 'Go on with files/cut.bin' }).click();
  await page.getByText('● uploaded, checksums are equal').waitFor();
  await page.getByText(/^went on at /).waitFor();
  await context.close();
  await way.stop();
});

test('a login that has ended when a body is sent is asked for by the page, not by the browser, and the body goes on', async () => {
  const { page, context, faults } = await openTab(browser, server);
  await login(page, server, 'content');
  await page.getByRole('link', { name: 'BasicStore' }).waitFor();
  // What the browser would open a dialogue for is told to its tools.
  const asked: string[] = [];
  const tools = await context.newCDPSession(page);
  tools.on('Fetch.authRequired', ({ requestId, request }) => {
    asked.push(request.url);
    void tools.send('Fetch.continueWithAuth', { requestId, authChallengeResponse: { response: 'CancelAuth' } });
  });
  tools.on('Fetch.requestPaused', ({ requestId }) => void tools.send('Fetch.continueRequest', { requestId }));
  await tools.send('Fetch.enable', { handleAuthRequests: true, patterns: [{ urlPattern: '*/api/v3/contents' }] });
  let first = true;
  await context.route(`${server.url}/api/v3/contents`, (route) => {
    if (route.request().method() !== 'POST' || !first) return route.continue();
    first = false;
    return route.continue({ headers: { ...route.request().headers(), authorization: 'Bearer ended' } });
  });
  await page.getByLabel('Content pack to load').setInputFiles(named('late-pack.json', Buffer.from(JSON.stringify(pack('late-pack', 'v1.0.0')))));
  await page.getByLabel('Password').fill('r0cketsk8ts');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'late-pack' }).waitFor();
  expect(asked).toEqual([]);
  expect((await server.call('DELETE', 'contents/late-pack')).status).toBe(204);
  expect(faults).toEqual([]);
  await context.close();
});
