/**
 * Measures the budgets of the interface in Chromium against a real server that holds very many machines, and prints each as a
 * number and, where time is meant, as a ratio to a blank page of the same run: absolute times of a busy machine mean nothing.
 *
 *     npm run bench -- [--machines 100000] [--endpoints 1000] [--seconds 10] [--json FILE]
 *
 * MULLION_BINARY names the program; its speed decides how long filling takes, so it should be a release build. The machines
 * come as content packs, the fastest way into a store; they are as large as those of a data centre are.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { login, openTab, Server, startBrowser, until } from '../tests/harness';

interface Options {
  machines: number;
  endpoints: number;
  seconds: number;
  json: string;
}

interface Figure {
  what: string;
  value: number;
  unit: string;
  /** to its yardstick of the same run */
  ratio?: number;
  /** what docs promise, in words */
  budget: string;
}

/** A person notices a wait by the frames of the page at rest that it takes. */
type Yardstick = 'blank' | 'frame' | 'read';

const PACK = 50_000;
const figures: Figure[] = [];

function note(what: string, value: number, unit: string, budget: string, ratio?: number, yardstick: Yardstick = 'frame'): void {
  figures.push({ what, value, unit, budget, ...(ratio === undefined ? {} : { ratio }) });
  console.log(`${what.padEnd(62)} ${value.toFixed(value < 10 ? 2 : 0).padStart(10)} ${unit.padEnd(8)} ${ratio === undefined ? ''.padEnd(14) : `x${ratio.toFixed(1)} ${yardstick}`.padEnd(14)} ${budget}`);
}

function options(words: readonly string[]): Options {
  const given = (name: string, usual: string) => {
    const at = words.indexOf(`--${name}`);
    return at < 0 ? usual : (words[at + 1] ?? usual);
  };
  return { machines: Number(given('machines', '100000')), endpoints: Number(given('endpoints', '1000')), seconds: Number(given('seconds', '10')), json: given('json', '') };
}

async function fill(server: Server, machines: number): Promise<void> {
  for (let first = 0; first < machines; first += PACK) {
    const section: Record<string, unknown> = {};
    for (let number = first; number < Math.min(machines, first + PACK); number++) {
      const Uuid = randomUUID();
      section[Uuid] = {
        Uuid,
        Name: `web-${String(number).padStart(7, '0')}.example.org`,
        Description: number % 7 === 0 ? `rack ${number % 400}` : '',
        Arch: number % 5 === 0 ? 'arm64' : 'amd64',
        OS: number % 3 === 0 ? 'debian-12' : 'ubuntu-22.04',
        Address: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`,
        Stage: 'none',
        Params: { rack: `r${number % 400}`, height: number % 42 },
      };
    }
    const answer = await server.call('POST', 'contents', { meta: { Name: `fleet-${first / PACK}`, Version: 'v1.0.0' }, sections: { machines: section } });
    if (answer.status !== 201) throw new Error(`the fleet was not taken: ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`);
    process.stderr.write(`\r${Math.min(machines, first + PACK)} machines`);
  }
  process.stderr.write('\n');
}

/** Endpoints as a manager has them; nobody is asked for, as none of them has an address. */
async function fillEndpoints(server: Server, endpoints: number): Promise<void> {
  const AT_ONCE = 20;
  const one = (number: number) =>
    server.create('endpoints', { Id: `edge-${String(number).padStart(4, '0')}`, Description: `site ${number % 40}`, VersionSets: number % 3 === 0 ? ['base'] : [], Meta: { ring: number % 20 === 0 ? 'canary' : 'wide' } });
  for (let first = 0; first < endpoints; first += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, endpoints - first) }, (_, at) => one(first + at)));
}

const milliseconds = async (run: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await run();
  return performance.now() - began;
};

/** What counts and searches cost the server, against the cheapest read of the same list. */
async function reads(server: Server): Promise<void> {
  const TIMES = 20;
  const of = async (query: string): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round <= TIMES; round++) {
      const took = await milliseconds(async () => {
        const answer = await server.call('GET', `machines?${query}`);
        if (answer.status !== 200) throw new Error(`machines?${query}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`);
      });
      if (round > 0) times.push(took);
    }
    return percentile(times, 0.95);
  };
  const plain = await of('limit=1');
  note('server: the cheapest read, limit=1, p95 of 20', plain, 'ms', '');
  for (const [what, query] of [
    ['a page of a hundred, sorted', 'limit=100&sort=Name&slim=Params,Meta'],
    ['counts by an index, group-by=Arch', 'group-by=Arch'],
    ['the same of a filter', 'group-by=OS&Arch=arm64'],
    ['search that many fit', 'search=rack&limit=100&slim=Params,Meta'],
    ['search that one fits', 'search=web-0000042&limit=100&slim=Params,Meta'],
    ['search that none fits', 'search=nobody-is-called-so&limit=100&slim=Params,Meta'],
  ] as const) {
    const took = await of(query);
    note(`server: ${what}, p95`, took, 'ms', '', took / plain, 'read');
  }
}

/** Numbers of the DevTools protocol; seconds are of the page's own thread, so that other processes do not count. */
async function metrics(session: CDPSession): Promise<Record<string, number>> {
  const { metrics: list } = await session.send('Performance.getMetrics');
  return Object.fromEntries(list.map((metric) => [metric.name, metric.value]));
}

async function watched(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return session;
}

/** Share of its own thread that the page uses while `run` goes on. */
async function share(session: CDPSession, run: () => Promise<void>): Promise<number> {
  const before = await metrics(session);
  const began = performance.now();
  await run();
  const after = await metrics(session);
  return ((after['TaskDuration'] ?? 0) - (before['TaskDuration'] ?? 0)) / ((performance.now() - began) / 1000);
}

const percentile = (values: readonly number[], part: number) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;

async function paints(browser: Browser, server: Server, path: string, times: number): Promise<number[]> {
  const found: number[] = [];
  for (let round = 0; round < times; round++) {
    const { page, context } = await openTab(browser, server);
    await page.goto(path.startsWith('http') ? path : `${server.url}/ux/${path}`);
    found.push(await page.evaluate(() => new Promise<number>((resolve) => new PerformanceObserver((list) => list.getEntries().forEach((entry) => entry.name === 'first-contentful-paint' && resolve(entry.startTime))).observe({ type: 'paint', buffered: true }))));
    await context.close();
  }
  return found;
}

/** Gaps between frames while something goes on, ms. */
function frames(page: Page, seconds: number): Promise<number[]> {
  return page.evaluate(
    (length) =>
      new Promise<number[]>((resolve) => {
        const gaps: number[] = [];
        const end = performance.now() + length * 1000;
        let last = performance.now();
        const tick = (now: number) => {
          gaps.push(now - last);
          last = now;
          if (now < end) requestAnimationFrame(tick);
          else resolve(gaps.slice(1));
        };
        requestAnimationFrame(tick);
      }),
    seconds,
  );
}

async function main(): Promise<void> {
  const wanted = options(process.argv.slice(2));
  const server = await Server.start('site-a');
  const browser = await startBrowser();
  try {
    await server.create('version_sets', { Id: 'base', Prefs: { defaultStage: 'none' } });
    await fillEndpoints(server, wanted.endpoints);
    await fill(server, wanted.machines);
    await until('all machines are there', async () => Number((await server.call('GET', 'machines?limit=1')).headers['x-drp-list-filter-count']) === wanted.machines, 600_000);
    console.log(`${wanted.endpoints} endpoints, ${wanted.machines} machines, ${(await browser.version()).split('.')[0]} of Chromium\n`);

    await reads(server);

    // Paint: a blank page of the same server is what the network and the browser cost.
    const blank = percentile(await paints(browser, server, `${server.url}/ux/theme.js`, 10), 0.75);
    const paint = percentile(await paints(browser, server, '', 20), 0.75);
    note('first paint, cold, p75 of 20', paint, 'ms', '<= 1 000, goal 400', paint / blank, 'blank');

    const { page, context, faults } = await openTab(browser, server);
    let asked = 0;
    let received = 0;
    page.on('request', () => asked++);
    const scripts: number[] = [];
    page.on('response', (response) => void response.body().then((body) => {
      received += body.length;
      if (/\.(js|css)$/.test(new URL(response.url()).pathname)) scripts.push(gzipSync(body).length);
    }, () => {}));
    await page.goto(`${server.url}/ux/`);
    await page.getByLabel('User').waitFor();
    note('scripts and styles before the login, gzip', scripts.reduce((sum, size) => sum + size, 0) / 1024, 'KB', '<= 150');
    await login(page, server, 'machines?sort=Name');
    await page.getByRole('row', { name: /web-/ }).first().waitFor();
    const session = await watched(page);

    // Frames of a page that does nothing, for the ratios.
    const still = await frames(page, 3);
    const idle = percentile(still, 0.5);

    const grid = page.getByRole('grid');
    await grid.hover();
    const gaps = frames(page, wanted.seconds);
    const used = await share(session, async () => {
      const end = performance.now() + wanted.seconds * 1000;
      while (performance.now() < end) {
        await page.mouse.wheel(0, 280);
        await page.waitForTimeout(16);
      }
    });
    const scrolled = await gaps;
    note('scrolling: frames over 20 ms', (100 * scrolled.filter((gap) => gap > 20).length) / scrolled.length, '%', '<= 1', percentile(scrolled, 0.5) / idle);
    note('scrolling: page thread in use', 100 * used, '%', '<= 40');

    // From the key to the row, as the person sees it: in frames of the idle page.
    const jump = async (row: number) => {
      await grid.focus();
      const began = await page.evaluate(() => performance.now());
      for (const key of ['G', ...String(row), 'Enter']) await page.keyboard.press(key);
      await page.locator(`[aria-rowindex="${row + 1}"]`).first().waitFor();
      return (await page.evaluate(() => performance.now())) - began;
    };
    const jumps: number[] = [];
    for (let round = 1; round <= 5; round++) jumps.push(await jump(Math.floor((wanted.machines * 0.9 * round) / 5)));
    note('jump to a row far away, p95', percentile(jumps, 0.95), 'ms', '<= 200', percentile(jumps, 0.95) / idle);
    // A key that changes only what is selected, and one that asks the server.
    const key = async (press: () => Promise<void>, shown: () => Promise<unknown>) => {
      const began = await page.evaluate(() => performance.now());
      await press();
      await shown();
      return (await page.evaluate(() => new Promise<number>((resolve) => requestAnimationFrame(() => resolve(performance.now()))))) - began;
    };
    const moves: number[] = [];
    const filters: number[] = [];
    for (let round = 0; round < 10; round++) {
      await grid.focus();
      const at = await page.locator('[role=row].cursor').getAttribute('aria-rowindex');
      moves.push(await key(() => page.keyboard.press('ArrowUp'), () => page.locator(`[role=row].cursor:not([aria-rowindex="${at}"])`).waitFor()));
    }
    note('cursor key to the row it marks, p95 of 10', percentile(moves, 0.95), 'ms', '<= 50', percentile(moves, 0.95) / idle);
    for (let round = 0; round < 10; round++) {
      const name = `web-${String(round * 97).padStart(7, '0')}.example.org`;
      await page.keyboard.press('/');
      await page.keyboard.press('Control+a');
      await page.keyboard.insertText(`Name=${name}`);
      filters.push(await key(() => page.keyboard.press('Enter'), () => page.getByRole('rowheader', { name }).waitFor()));
      await page.keyboard.press('Escape');
    }
    note('filter to its rows, p95 of 10', percentile(filters, 0.95), 'ms', '<= 150', percentile(filters, 0.95) / idle);

    note('elements', await page.evaluate(() => document.querySelectorAll('*').length), '', '<= 4 000');

    const route: number[] = [];
    for (let round = 0; round < 10; round++) {
      for (const [keys, name] of [['ge', 'Endpoints'], ['gm', 'Machines'], ['gj', 'Jobs'], ['gf', 'Failures']] as const) {
        const began = await page.evaluate(() => performance.now());
        for (const key of keys) await page.keyboard.press(key);
        await page.getByRole('heading', { level: 1, name }).waitFor();
        if (round > 0) route.push((await page.evaluate(() => performance.now())) - began);
      }
    }
    note('another page, warm, p95 of 36', percentile(route, 0.95), 'ms', '<= 150', percentile(route, 0.95) / idle);

    await page.keyboard.press('g');
    await page.keyboard.press('m');
    await page.getByRole('row', { name: /web-/ }).first().waitFor();
    await page.waitForTimeout(2000);
    asked = received = 0;
    const served = server.processorSeconds();
    const quiet = await share(session, () => page.waitForTimeout(wanted.seconds * 1000));
    note('idle: requests a second', asked / wanted.seconds, '/s', '<= 0.5');
    note('idle: bytes a second', received / wanted.seconds / 1024, 'KB/s', '<= 50');
    note('idle: page thread in use', 100 * quiet, '%', '');
    note('idle: a core of the server in use', (100 * (server.processorSeconds() - served)) / wanted.seconds, '%', '<= 2');

    // Events as fast as one writer makes them.
    const machine = await server.create('machines', { Name: 'flood' });
    let writing = true;
    let writes = 0;
    const writers = Array.from({ length: 4 }, async () => {
      while (writing) {
        await server.call('PATCH', `machines/${String(machine['Uuid'])}`, [{ op: 'replace', path: '/Description', value: `change ${writes++}` }]);
      }
    });
    const flooded = frames(page, wanted.seconds);
    const busy = await share(session, () => page.waitForTimeout(wanted.seconds * 1000));
    writing = false;
    await Promise.all(writers);
    const worst = Math.max(...(await flooded));
    note(`flood of ${Math.round(writes / wanted.seconds)} writes a second: page thread in use`, 100 * busy, '%', '<= 50, goal 10');
    note('flood: longest frame', worst, 'ms', '<= 100', worst / Math.max(...still));

    await session.send('HeapProfiler.collectGarbage');
    note('heap after all of this', ((await metrics(session))['JSHeapUsedSize'] ?? 0) / 1e6, 'MB', '<= 150, goal 60');
    if (faults.length > 0) throw new Error(`the page failed meanwhile: ${faults.join('; ')}`);
    await context.close();
  } finally {
    await browser.close();
    await server.stop();
  }
  if (wanted.json) writeFileSync(wanted.json, JSON.stringify(figures, null, 2) + '\n');
}

main().catch((failure: unknown) => {
  console.error(failure);
  process.exit(1);
});
