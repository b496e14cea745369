/**
 * Every page in the states that a server gives it: nothing exists, a thousand of each, one may see nothing, one may see half of it, a site is dark,
 * the server stops while the page is open, it is away, the login is over. `npm run states` walks the same, and more, for people to look at.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsFor, LOOKS } from '../everybody';
import { axe, openTab, startBrowser } from '../harness';
import { pageFaults, STATES, type Scene } from '../scenes';
import { go, settled } from '../walk';

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
});

/** What is wrong on a page once nothing is asked any more. */
async function faultsAt(page: Page, path: string, looks: readonly (keyof typeof LOOKS)[], more: (page: Page) => Promise<string[]>): Promise<string[]> {
  let found: string[] = [];
  for (const end = Date.now() + 15_000; ; await page.waitForTimeout(200)) {
    found = await pageFaults(page);
    // A page that is slower than it looked is looked at again.
    if (found.length === 0 || Date.now() > end) break;
  }
  return [...found, ...(await faultsFor(page, looks)), ...(await more(page))].map((fault) => `/ux/${path}: ${fault}`);
}

/** `half`: every other page only, beside who walks over the rest; most of a state that servers are stopped for is waiting. */
async function walk(state: string, more: (page: Page) => Promise<string[]> = () => Promise.resolve([]), half?: 0 | 1): Promise<void> {
  const scene: Scene = await STATES[state]!(1000);
  const { page, context, faults } = await openTab(browser, scene.server);
  const wrong: string[] = [];
  try {
    await scene.enter(page);
    for (const [at, path] of scene.paths.filter((_, number) => half === undefined || number % 2 === half).entries()) {
      // Colours are of parts, and each part is on many pages: in dark every third is enough, and none of these two states, which have no parts of their own.
      const dark = at % 3 === 0 && state !== 'thousand' && state !== 'stopped';
      const looks = dark ? (['light', 'dark and wide'] as const) : (['light'] as const);
      await go(page, path);
      await scene.after?.(page, path);
      wrong.push(...(await faultsAt(page, path, looks, more)));
      await scene.undo?.(page, path);
    }
    expect(wrong).toEqual([]);
    expect(faults).toEqual([]);
  } finally {
    await context.close();
    await scene.stop();
  }
}

/** A count beside the title of what may not be seen; pages about the person and the browser have one of their own. */
const counts = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const said = (document.querySelector('main .beside') as HTMLElement | null)?.innerText ?? '';
    const own = /\/ux\/(events|me|o$|cluster)/.test(location.pathname);
    return !own && /(^|\s)0(\s|$)/.test(said) ? [`counts what may not be seen: ${said}`] : [];
  });

/** Servers hide what may not be seen behind a 404: a page knows better, and names the right. */
const saysWhy = (page: Page): Promise<string[]> => page.evaluate(() => (/\bNot Found\b/.test(document.querySelector('main')!.innerText) ? ['says that what may not be seen is not found'] : []));

test.concurrent.each([
  ['stopped', undefined, 0],
  ['stopped', undefined, 1],
  ['thousand', undefined, undefined],
  ['empty', undefined, undefined],
  ['forbidden', counts, undefined],
  ['half', saysWhy, undefined],
  ['dark', undefined, undefined],
] as const)('%s', (state, more, half) => walk(state, more, half), 600_000);

test('a page that is opened while the server is away says so, and comes by itself', async () => {
  const scene = await STATES['away']!(0);
  const { page, context, faults } = await openTab(browser, scene.server);
  await scene.enter(page);
  for (const path of ['machines', 'rollouts', 'system']) {
    await go(page, path);
    await page.getByRole('heading', { name: 'The server does not answer' }).waitFor();
    expect([...(await pageFaults(page)), ...(await axe(page))], path).toEqual([]);
  }
  await scene.undo!(page, '');
  await page.getByRole('heading', { level: 1, name: 'System' }).waitFor();
  await page.getByRole('tab', { name: 'This server', selected: true }).waitFor();
  expect(faults.filter((fault) => !/preload CSS|dynamically imported/.test(fault))).toEqual([]);
  await context.close();
  await scene.stop();
});

test('a login that ends asks for the password over whatever page is open, and the page goes on', async () => {
  const scene = await STATES['ended']!(0);
  const { page, context, faults } = await openTab(browser, scene.server);
  await scene.enter(page);
  for (const path of ['', 'endpoints', 'rollouts/walk-rollout', 'system']) {
    await go(page, path);
    await scene.after!(page, path);
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement | null)?.name), path).toBe('password');
    expect(await axe(page), path).toEqual([]);
    await scene.undo!(page, path);
    await settled(page);
  }
  expect(faults).toEqual([]);
  await context.close();
  await scene.stop();
});
