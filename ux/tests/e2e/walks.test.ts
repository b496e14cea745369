/**
 * What holds on every page: nothing hostile runs, no secret is shown or kept, no token stands in an address, nothing breaks the
 * policy, few elements are there, an idle page asks little, and moving about in it leaks nothing. No limit here is a wall time.
 */
import type { Browser, Page } from 'playwright-core';
import nacl from 'tweetnacl';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { login, openTab, Server, startBrowser, type Tab } from '../harness';
import { addresses, furnish, go, settled } from '../walk';

let server: Server;
let browser: Browser;
let places: Record<string, string>;
const HOSTILE = `"><img src=x onerror="window.hacked=1"><script>window.hacked=2</script>\${7*7}{{7*7}}`;
const SECRET = 'correct-horse-battery-staple';
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  places = await furnish(server);
  await server.call('POST', 'prefs', { logLevel: 'trace' });
  const describe = (prefix: string, key: string) => server.call('PATCH', `${prefix}/${key}`, [{ op: 'replace', path: '/Description', value: HOSTILE }]);
  const machine = places['machines/:key']!.split('/')[1]!;
  const job = places['jobs/:key']!.split('/')[1]!;
  for (const [prefix, key] of [['machines', machine], ['profiles', 'walk'], ['endpoints', 'walk-edge'], ['version_sets', 'walk-set'], ['tenants', 'walk-tenant'], ['users', 'rocketskates']] as const) await describe(prefix, key);
  await server.call('PUT', `jobs/${job}/log`, `${HOSTILE}\nerror: ${HOSTILE}\n`);
  await server.call('POST', 'profiles/walk/params/hostile', HOSTILE);
  // A secret as clients keep one: sealed for the object, of a parameter that says so.
  await server.create('params', { Name: 'walk-secret', Secure: true, Schema: { type: 'string' }, Description: HOSTILE });
  const key = Buffer.from((await server.call('GET', 'profiles/walk/pubkey')).body as string, 'base64');
  const mine = nacl.box.keyPair();
  const nonce = nacl.randomBytes(nacl.box.nonceLength);
  const sealed = { Key: base64(mine.publicKey), Nonce: base64(nonce), Payload: base64(nacl.box(new TextEncoder().encode(JSON.stringify(SECRET)), nonce, key, mine.secretKey)) };
  const kept = await server.call('POST', 'profiles/walk/params/walk-secret', sealed);
  if (kept.status >= 300) throw new Error(`the secret could not be planted: ${kept.status} ${JSON.stringify(kept.body)}`);
  const opened = await server.call('GET', 'profiles/walk/params/walk-secret?decode=true');
  if (opened.body !== SECRET) throw new Error(`the secret does not open: ${JSON.stringify(opened.body)}`);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** Elements of the page, of shadow roots too: what the browser has to lay out. */
const elements = (page: Page) => page.evaluate(() => document.querySelectorAll('*').length);

async function watched(): Promise<Tab & { violations: () => Promise<unknown[]>; said: string[] }> {
  const tab = await openTab(browser, server);
  const said: string[] = [];
  tab.page.on('console', (message) => said.push(message.text()));
  tab.page.on('dialog', (dialog) => {
    said.push(`dialogue: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await tab.page.addInitScript(() => {
    const kept: string[] = [];
    (window as unknown as { violations: string[] }).violations = kept;
    document.addEventListener('securitypolicyviolation', (event) => kept.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  return { ...tab, said, violations: () => tab.page.evaluate(() => (window as unknown as { violations: string[] }).violations) };
}

test('hostile texts are texts on every page, secrets are nowhere, and no page is large', async () => {
  const { page, context, faults, violations, said } = await watched();
  await login(page, server);
  const token = (await page.evaluate(() => sessionStorage.getItem('mullion.session')))!.split('\n')[1]!;
  let hostileSeen = 0;
  for (const path of addresses(places)) {
    await go(page, path);
    const found = await page.evaluate(
      (secret) => ({
        hacked: (window as unknown as { hacked?: number }).hacked,
        planted: document.querySelectorAll('img[src="x"], #app script').length,
        styled: document.querySelectorAll('main [style*="expression"], main [onerror], main [onclick]').length,
        secret: document.documentElement.outerHTML.includes(secret) || [...document.querySelectorAll('input, textarea')].some((field) => (field as HTMLInputElement).value.includes(secret)),
        hostile: document.body.innerText.includes('onerror='),
      }),
      SECRET,
    );
    expect({ path, ...found, hostile: true }).toEqual({ path, hacked: undefined, planted: 0, styled: 0, secret: false, hostile: true });
    if (found.hostile) hostileSeen++;
    expect(await elements(page), path).toBeLessThanOrEqual(4000);
  }
  // The texts were really there to be seen.
  expect(hostileSeen).toBeGreaterThan(5);
  expect(await violations()).toEqual([]);
  const storage = await page.evaluate(async () => {
    const databases = await indexedDB.databases();
    return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, databases.map((database) => database.name)]);
  });
  expect(storage).not.toContain(SECRET);
  expect(said.join('\n')).not.toContain(SECRET);
  expect(said.join('\n')).not.toContain(token);
  expect(page.url()).not.toContain(token);
  const log = server.log();
  expect(log.length).toBeGreaterThan(1000);
  expect(log).not.toContain(token);
  expect(log).not.toContain(SECRET);
  if ((((await server.call('GET', 'info')).body as { features: string[] }).features).includes('ux-socket-token')) expect(log).not.toMatch(/[?&]token=/);
  expect(faults).toEqual([]);
  await context.close();
});

test('an idle page asks for little, and a page of a hundred rows is small', async () => {
  for (let number = 0; number < 120; number++) await server.create('machines', { Name: `idle-${number}`, Params: { big: 'x'.repeat(2000) } });
  const { page, context, faults } = await openTab(browser, server, { ownWorker: true });
  await page.clock.install();
  const asked: string[] = [];
  const sizes: number[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  page.on('response', async (response) => {
    if (/\/api\/v3\/machines$/.test(new URL(response.url()).pathname) && response.request().method() === 'GET') sizes.push((await response.body().catch(() => Buffer.from(''))).length);
  });
  await login(page, server, 'machines?sort=Name');
  await page.getByRole('row', { name: /idle-/ }).first().waitFor();
  await page.getByRole('button', { name: 'Live updates: live' }).waitFor();
  expect(Math.max(...sizes)).toBeLessThan(150_000);
  const IDLE_SECONDS = 20;
  const rates: Record<string, number> = {};
  for (const path of ['machines?sort=Name', '', 'endpoints', 'failures', 'o/profiles/walk', 'events', 'access/users', 'system', 'me']) {
    await go(page, path);
    await settled(page);
    asked.length = 0;
    // The page's own timers, in fast motion; what the worker does by itself is tested on a clock of its own.
    await page.clock.runFor(IDLE_SECONDS * 1000);
    rates[path] = asked.length / IDLE_SECONDS;
  }
  expect(Object.entries(rates).filter(([, rate]) => rate > 0.5)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

/** The same numbers for the same seed. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Weight {
  heap: number;
  elements: number;
  listeners: number;
}

test('a monkey wanders over all pages: nothing fails, and what it leaves behind does not grow', async () => {
  const { page, context, faults } = await watched();
  await login(page, server);
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable');
  const weigh = async (): Promise<Weight> => {
    await go(page, 'nowhere');
    await page.waitForTimeout(300);
    await session.send('HeapProfiler.collectGarbage');
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    const value = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    return { heap: value('JSHeapUsedSize') / 1e6, elements: value('Nodes'), listeners: value('JSEventListeners') };
  };
  const random = chance(20261130);
  const paths = addresses(places).filter((path) => !/new$|join$/.test(path));
  const KEYS = ['j', 'k', 'ArrowDown', 'ArrowRight', 'Space', 'x', 'Escape', 't', 'c', 'Escape', '?', 'Escape', 'r', 'v', 'v', 'Tab', 'u', '[', ']', '*', 'Escape', 'PageDown', 'End', 'Home', 'Control+k', 'Escape', 'g', 'b', 'b', 's', 'Escape'];
  const wander = async (steps: number) => {
    for (let step = 0; step < steps; step++) {
      await page.evaluate((address) => {
        history.pushState(null, '', address);
        dispatchEvent(new PopStateEvent('popstate'));
      }, `/ux/${paths[Math.floor(random() * paths.length)]!}`);
      await page.waitForTimeout(30 + random() * 60);
      for (let press = 0; press < 4; press++) await page.keyboard.press(KEYS[Math.floor(random() * KEYS.length)]!);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
    }
  };
  // All pages once: what is loaded once is no leak.
  for (const path of paths) {
    await page.evaluate((address) => {
      history.pushState(null, '', address);
      dispatchEvent(new PopStateEvent('popstate'));
    }, `/ux/${path}`);
    await page.waitForTimeout(80);
  }
  await wander(20);
  // What leaks grows each time; what is merely loaded late on a busy machine grows once.
  const grown: string[] = [];
  let after = await weigh();
  for (let round = 0; round < 3; round++) {
    const before = after;
    await wander(40);
    after = await weigh();
    const more = { heap: after.heap - before.heap, elements: after.elements - before.elements, listeners: after.listeners - before.listeners };
    if (more.heap < 3 && more.elements < 600 && more.listeners < 40) break;
    grown.push(JSON.stringify({ before, more }));
  }
  expect(grown.length, grown.join(' ')).toBeLessThan(3);
  expect(after.heap).toBeLessThan(60);
  // Every registration of the pages that were left has ended; the frame has those for what waits for a person.
  await page.getByRole('button', { name: /Live updates/ }).click();
  await page.getByText(/\b2 registrations/).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});
