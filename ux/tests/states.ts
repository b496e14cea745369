/**
 * Every page in every state that a server can give it, in a real browser on real servers: pictures for people to look at, and
 * what a program can find wrong by itself.
 *
 *     npm run states -- [--only empty,dark] [--path now,machines] [--to FOLDER] [--thousand 1000] [--looks] [--quick]
 *
 * What is found is printed, a line each. `states.test.ts` walks over the same states without pictures.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { faultsFor, LOOKS } from './everybody';
import { ARTEFACTS, openTab, startBrowser } from './harness';
import { pageFaults, STATES, type Scene } from './scenes';
import { go } from './walk';

function given(name: string, usual: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : (process.argv[at + 1] ?? usual);
}

const TEXT = { '': '', '-large': '200%' };

async function shoot(scene: Scene, name: string, folder: string, wanted: string): Promise<void> {
  const browser = await startBrowser();
  const looks = [['light', 1280, 720, ''], ['dark', 1920, 1080, ''], ['light', 1280, 720, '-large']] as const;
  for (const [theme, width, height, text] of process.argv.includes('--quick') ? looks.slice(0, 1) : looks) {
    const { page, context, faults } = await openTab(browser, scene.server, { theme, width, height });
    page.on('response', (response) => {
      if (response.status() >= 500) console.log(`${name}: ${response.status()} ${response.request().method()} ${response.url()}`);
    });
    await scene.enter(page);
    for (const path of scene.paths.filter((known) => wanted === '' || wanted.split(',').includes(known === '' ? 'now' : known))) {
      await scene.before?.(page, path);
      await go(page, path);
      await scene.after?.(page, path);
      await page.evaluate((size) => (document.documentElement.style.fontSize = size), TEXT[text]);
      const file = `${name}-${path.replaceAll(/[^a-z0-9]+/gi, '_') || 'now'}`.slice(0, 80);
      await page.screenshot({ path: join(folder, `${file}-${theme}${text}.png`) });
      if (theme === 'light') for (const fault of await pageFaults(page)) console.log(`${name}${text} /ux/${path}: ${fault}`);
      await page.evaluate(() => (document.documentElement.style.fontSize = ''));
      if (theme === 'light' && text === '' && process.argv.includes('--looks')) for (const fault of await faultsFor(page, Object.keys(LOOKS) as (keyof typeof LOOKS)[])) console.log(`${name} /ux/${path}: ${fault}`);
      if (name !== 'away') await scene.undo?.(page, path);
    }
    for (const fault of faults) console.log(`${name}: ${fault}`);
    await context.close();
  }
  await browser.close();
}

async function main(): Promise<void> {
  const folder = given('to', join(ARTEFACTS, 'states'));
  mkdirSync(folder, { recursive: true });
  const only = given('only', '').split(',').filter((name) => name !== '');
  for (const [name, make] of Object.entries(STATES)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const scene = await make(Number(given('thousand', '1000')));
    try {
      await shoot(scene, name, folder, given('path', ''));
    } finally {
      await scene.stop();
    }
  }
}

main().then(
  () => process.exit(0),
  (failure: unknown) => {
    console.error(failure);
    process.exit(1);
  },
);
