/**
 * Pictures of the interface for docs/ux/, light and dark, of a server that runs: the demo of `./x run`.
 *
 *     npm run pictures -- [--url https://127.0.0.1:19060] [--to ../docs/ux] [--all]
 *
 * A picture that is larger than 100 KB fails: they are in git. --all takes every page of the router at two widths into
 * tests/artefacts/ instead, for people to look at.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROUTES } from '../src/router';
import { ARTEFACTS, login, openTab, startBrowser, UX } from './harness';
import { go } from './walk';

const MOST_BYTES = 100 * 1024;
/** what is full of text is taken less high */
const LOW = new Set(['machines', 'plan']);
const PAGES: Record<string, string> = { now: '', endpoints: 'endpoints', machines: 'machines?Endpoint=A&sort=Name&_cols=Name,Stage,Workflow,Pool,Address', sets: 'version-sets', plan: 'plan?sets=site-base' };

function given(name: string, usual: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : (process.argv[at + 1] ?? usual);
}

async function main(): Promise<void> {
  const url = given('url', 'https://127.0.0.1:19060');
  const all = process.argv.includes('--all');
  const folder = all ? ARTEFACTS : resolve(UX, given('to', '../docs/ux'));
  const pages = all ? Object.fromEntries(ROUTES.filter((route) => !/[:*]/.test(route.path)).map((route) => [route.path.replaceAll('/', '-') || 'now', route.path])) : PAGES;
  mkdirSync(folder, { recursive: true });
  const browser = await startBrowser();
  for (const theme of ['light', 'dark'] as const) {
    for (const [width, height] of all ? [[1280, 720], [1920, 1080]] as const : [[1000, 625]] as const) {
      const { page, context } = await openTab(browser, { url }, { theme, width, height });
      await login(page, { url });
      for (const [name, path] of Object.entries(pages)) {
        if (!all) await page.setViewportSize({ width, height: LOW.has(name) ? 400 : height });
        await go(page, path);
        await page.getByText(/^(Planning|Asking)/).waitFor({ state: 'hidden' });
        const file = join(folder, all ? `${name}-${theme}-${width}.png` : `${name}-${theme}.png`);
        await page.screenshot({ path: file });
        if (!all && statSync(file).size > MOST_BYTES) throw new Error(`${file} has ${statSync(file).size} bytes; at most ${MOST_BYTES}`);
        console.log(`${file} ${Math.round(statSync(file).size / 1024)} KB`);
      }
      await context.close();
    }
  }
  await browser.close();
}

main().catch((failure: unknown) => {
  console.error(failure);
  process.exit(1);
});
