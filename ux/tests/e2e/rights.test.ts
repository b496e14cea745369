/**
 * Three roles on every route of the router: nothing is offered that the server refuses, nothing is hidden that it allows. What
 * a control takes is written at it (`data-needs`); what the server says is asked of the server, by requests that change nothing
 * or something made for it.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { axe, openTab, Server, startBrowser } from '../harness';
import { addresses, furnish, go } from '../walk';

let server: Server;
let browser: Browser;
let places: Record<string, string>;
const PASSWORD = 'secret-1';
const READS = { scope: '*', action: 'list,get', specific: '*' };
const BASICS = ['info get', 'objects list', 'preferences list', 'contents list', 'files list', 'isos list'].map((text) => ({ scope: text.split(' ')[0], action: text.split(' ')[1], specific: '*' }));
const ROLES: Record<string, unknown[]> = {
  keeper: [{ scope: '*', action: '*', specific: '*' }],
  operator: [READS, ...BASICS, { scope: 'machines,jobs', action: '*', specific: '*' }],
  reader: [READS, ...BASICS],
};

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('site-a'), startBrowser()]);
  places = await furnish(server);
  for (const [name, Claims] of Object.entries(ROLES)) {
    await server.create('roles', { Name: `r-${name}`, Claims });
    await server.create('users', { Name: name, Roles: [`r-${name}`] });
    await server.call('PUT', `users/${name}/password`, { Password: PASSWORD });
  }
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

interface Control {
  needs: string;
  offered: boolean;
}

/** Controls of the page and of its menu of actions, by the claim they take; claims about oneself are alike for everybody. */
async function controls(page: Page, user: string): Promise<Map<string, boolean>> {
  const read = () => page.evaluate(() => [...document.querySelectorAll('[data-needs]')].map((element) => ({ needs: element.getAttribute('data-needs') ?? '', offered: !/lacking/.test(element.className) && !(element.getAttribute('title') ?? '').startsWith('You may not') }) as Control));
  const found = await read();
  const menu = page.locator('main .menu-trigger', { hasText: 'Actions' }).first();
  if (await menu.isVisible().catch(() => false)) {
    await menu.click();
    found.push(...(await read()));
    await page.keyboard.press('Escape');
  }
  const byClaim = new Map<string, boolean>();
  for (const { needs, offered } of found) {
    const claim = needs.replace(new RegExp(` ${user}$`), ' SELF');
    byClaim.set(claim, (byClaim.get(claim) ?? false) || offered);
  };
  return byClaim;
}

const keyOf: Record<string, string> = { profiles: 'walk', version_sets: 'walk-set', tenants: 'walk-tenant', endpoints: 'walk-edge', users: 'rocketskates', roles: 'superuser' };
let made = 0;

/** A request that needs the claim; 403, or 404 for what may not even be seen, is a no. */
async function serverAllows(user: string, claim: string): Promise<boolean> {
  const [scope = '', action = '', specific = ''] = claim.replace('SELF', user).split(' ');
  const ask = async (method: string, path: string, body?: unknown) => (await server.call(method, path, body, `${user}:${PASSWORD}`)).status;
  const key = specific === '*' || specific === '' ? (keyOf[scope] ?? (scope === 'machines' ? places['machines/:key']!.split('/')[1]! : scope === 'jobs' ? places['jobs/:key']!.split('/')[1]! : 'nowhere')) : specific;
  const known: Record<string, () => Promise<number>> = {
    create: () => ask('POST', scope, []),
    update: () => ask('PATCH', `${scope}/${encodeURIComponent(scope === 'jobs' ? places['jobs/:key']!.split('/')[1]! : key)}`, [{ op: 'replace', path: '/Description', value: 'asked for rights' }]),
    delete: async () => {
      const sacrifice = scope === 'machines' ? String((await server.create('machines', { Name: `made-${++made}` }))['Uuid']) : scope === 'jobs' ? String((await server.create('jobs', { Machine: places['machines/:key']!.split('/')[1], State: 'failed' }))['Uuid']) : scope === 'profiles' ? String((await server.create('profiles', { Name: `made-${++made}` }))['Name']) : 'nowhere';
      // Of others nothing is deleted for a question: the role that may do everything is the only one that may.
      return sacrifice === 'nowhere' ? (user === 'keeper' ? 200 : 403) : ask('DELETE', `${scope}/${sacrifice}`);
    },
    // Without a password in it nothing is changed.
    password: () => ask('PUT', `users/${key}/password`, {}),
    token: () => ask('GET', `users/${key}/token`),
    post: () => ask('POST', 'prefs', {}),
    upgrade: () => ask('POST', 'system/upgrade', 'no package'),
    backup: () => ask('POST', 'system/backup'),
    action: () => ask('POST', 'plugins/manager/actions/addEndpoint', {}),
    debug: () => ask('GET', 'debug/memory'),
  };
  const asked = known[action.split(':')[0]!];
  if (!asked) throw new Error(`tests/e2e/rights.test.ts does not know how to ask the server for: ${claim}`);
  return (await asked()) !== 403;
}

test('what somebody may not see is never told to be nothing', async () => {
  await server.create('roles', { Name: 'r-nobody', Claims: [{ scope: 'info', action: 'get', specific: '*' }] });
  await server.create('users', { Name: 'nobody', Roles: ['r-nobody'] });
  await server.call('PUT', 'users/nobody/password', { Password: PASSWORD });
  const { page, context, faults } = await openTab(browser, server);
  await page.goto(`${server.url}/ux/`);
  await page.getByLabel('User', { exact: true }).fill('nobody');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByText('Nothing that you may see needs you.').waitFor();
  await page.getByText('Not looked at, because you may not see them: jobs that failed, endpoints, rollouts, changes of many.').waitFor();
  expect(await page.getByText('A new server').count()).toBe(0);
  expect(await axe(page)).toEqual([]);
  for (const [path, what] of [['failures', 'jobs'], ['endpoints', 'endpoints'], ['version-sets', 'version sets'], ['rollouts', 'rollouts'], ['catalog', 'catalog items'], ['plan?sets=walk-set', 'endpoints'], ['machines', 'machines'], ['machines?Arch=arm64', 'machines'], ['bulk', 'changes of many']] as const) {
    await go(page, path);
    await page.getByRole('heading', { name: `You may not see ${what} here` }).waitFor();
    expect(await axe(page), path).toEqual([]);
  }
  await page.getByRole('main').getByRole('button', { name: 'Why can’t I?' }).press('Enter');
  await page.getByRole('dialog').getByText('get all bulks').first().waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('what is offered is allowed, what is allowed is offered, and everybody sees the same controls', async () => {
  const seen: Record<string, Map<string, Map<string, boolean>>> = {};
  const paths = addresses(places);
  const wrong: string[] = [];
  const enter = async (user: string) => {
    const tab = await openTab(browser, server);
    const { page } = tab;
    page.on('response', (response) => {
      const refused = response.status() === 403 && response.request().method() !== 'GET' && response.request().method() !== 'HEAD';
      if (refused || (user === 'keeper' && response.status() === 403)) wrong.push(`${user}: ${response.request().method()} ${new URL(response.url()).pathname} is refused`);
    });
    await page.goto(`${server.url}/ux/`);
    await page.getByLabel('User', { exact: true }).fill(user);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1 }).waitFor();
    return tab;
  };
  const walk = async (user: string) => {
    const { page, context, faults } = await enter(user);
    seen[user] = new Map();
    for (const path of paths) {
      await go(page, path);
      seen[user]!.set(path, await controls(page, user));
      const unreachable = await page.evaluate(() => [...document.querySelectorAll('main button[disabled]')].map((button) => button.textContent));
      if (unreachable.length > 0) wrong.push(`${path}: cannot be focused: ${unreachable.join(', ')}`);
    }
    expect(faults, user).toEqual([]);
    await context.close();
  };
  const hidden = (user: string, path: string) => [...seen['keeper']!.get(path)!.keys()].filter((claim) => !seen[user]!.get(path)?.has(claim));
  /** Pages that were slower than the others for one user are looked at once more, for as long as it takes. */
  const lookAgain = async (user: string) => {
    const late = paths.filter((path) => hidden(user, path).length > 0);
    if (late.length === 0) return;
    const { page, context } = await enter(user);
    for (const path of late) {
      await go(page, path);
      for (const end = Date.now() + 20_000; hidden(user, path).length > 0 && Date.now() < end; await page.waitForTimeout(200)) seen[user]!.set(path, await controls(page, user));
    }
    await context.close();
  };
  await Promise.all(Object.keys(ROLES).map(walk));
  await Promise.all(Object.keys(ROLES).map(lookAgain));
  const claims = new Set(Object.values(seen).flatMap((pages) => [...pages.values()].flatMap((found) => [...found.keys()])));
  expect(claims.size).toBeGreaterThan(15);
  for (const user of Object.keys(ROLES)) {
    for (const claim of claims) {
      const allowed = await serverAllows(user, claim);
      for (const [path, found] of seen[user]!) {
        const offered = found.get(claim);
        if (offered !== undefined && offered !== allowed) wrong.push(`${user} at ${path}: ${claim} is ${offered ? 'offered and refused' : 'allowed and not offered'}`);
      }
    }
    for (const path of paths) for (const claim of hidden(user, path)) wrong.push(`${user} at ${path}: ${claim} is hidden`);
  }
  expect(wrong).toEqual([]);
});
