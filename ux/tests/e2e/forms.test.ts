/**
 * What forms offer is kept by the server, of every type of objects: each field is written with another value, and read again.
 * And what they do not offer of endpoints is written anew by their manager.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FieldInfo, TypeInfo } from '../../src/api/schema';
import { TYPES } from '../../src/api/schema';
import { same, sections } from '../../src/parts/form';
import { login, openTab, Server, startBrowser, until } from '../harness';
import { attach } from '../sites';

type Body = Record<string, unknown>;
let manager: Server;
let site: Server;

beforeAll(async () => {
  [manager, site] = await Promise.all([Server.start('m1'), Server.start('edge-1')]);
  await manager.call('POST', 'prefs', { manager: 'true' });
  await attach(manager, site);
});

afterAll(async () => {
  await Promise.all([manager, site].map((server) => server?.stop()));
});

/** What an object cannot be made without, beside its key; those that need another object get it here. */
async function made(type: TypeInfo): Promise<Body> {
  const needed: Record<string, () => Promise<Body> | Body> = {
    // without a state it is the question of an agent for work
    jobs: async () => ({ State: 'created', Machine: (await manager.create('machines', { Name: 'of-a-job' }))['Uuid'] }),
    machines: () => ({ Name: 'formed' }),
    leases: () => ({ Addr: '10.9.0.8', Token: 't', Strategy: 'MAC', ExpireTime: '2030-01-01T00:00:00Z' }),
    reservations: () => ({ Addr: '10.9.0.9', Token: 't', Strategy: 'MAC' }),
    subnets: () => ({ Name: 'formed', Subnet: '10.8.0.0/24', ActiveStart: '10.8.0.10', ActiveEnd: '10.8.0.20' }),
    templates: () => ({ ID: 'formed', Contents: 'x' }),
    plugins: () => ({ Name: 'formed', Provider: 'nobody' }),
    bulks: () => ({ Id: 'formed', What: { Kind: 'delete' }, Selection: { Type: 'machines' } }),
  };
  return manager.create(type.prefix, await (needed[type.prefix]?.() ?? { [type.key]: 'formed' }));
}

/** Another value of the field's kind; undefined: its kind is a structure of its own. */
function another(field: FieldInfo, is: unknown): unknown {
  const word = field.enum?.find((known) => known !== is) ?? 'changed';
  const values: Record<string, unknown> = {
    string: word, version: 'v9.9.9', ip: '10.8.0.15', time: '2029-01-01T00:00:00Z', uuid: '4a6a8d4e-3b1f-4f0e-9d5f-0123456789ab',
    boolean: is !== true, integer: Number(is ?? 0) + 1, number: Number(is ?? 0) + 1, any: { type: 'number' },
    'list of string': ['changed'], 'map of string': { changed: 'yes' }, 'map of any': {}, 'map of list of string': {},
  };
  return values[field.kind];
}

const changed = Object.values(TYPES).filter(({ traits }) => traits.includes('client_create') && traits.includes('client_update'));

test.each(changed.map((type) => [type.prefix, type] as const))('%s: what is offered is kept', async (prefix, type) => {
  const object = await made(type);
  const at = `${prefix}/${encodeURIComponent(String(object[type.key]))}`;
  const offered = sections(type, false).flatMap(({ fields }) => fields).filter((field) => !field.readOnly && field.name !== type.key);
  const lies: string[] = [];
  let kept = 0;
  for (const field of offered) {
    const before = (await manager.call('GET', at)).body as Body;
    const value = another(field, before[field.name]);
    if (value === undefined || same(value, before[field.name])) continue;
    // A refusal says why: that is no lie. Others may depend on what is there, so each change is taken back.
    const answer = await manager.call('PATCH', at, [{ op: 'add', path: `/${field.name}`, value }]);
    if (answer.status !== 200) continue;
    const now = ((await manager.call('GET', at)).body as Body)[field.name];
    if (same(now, value) || (now === undefined && Object.keys(value as object).length === 0)) kept++;
    else lies.push(`${field.name}: ${JSON.stringify(value)} was taken, and it is ${JSON.stringify(now)}`);
    await manager.call('PATCH', at, [{ op: 'add', path: `/${field.name}`, value: before[field.name] ?? null }]);
  }
  expect(lies).toEqual([]);
  expect(kept, 'nothing of it could be changed').toBeGreaterThan(0);
});

test('what is told by an endpoint is written anew by its manager, whatever a client wrote', async () => {
  const told = TYPES['endpoints']!.fields.filter((field) => field.kept?.includes('endpoint tells'));
  expect(told.length).toBeGreaterThan(5);
  const before = (await manager.call('GET', 'endpoints/edge-1')).body as Body;
  const wrong: Record<string, unknown> = { 'list of Element': [{ Name: 'made-up', Type: 'ContentPackage', Version: 'v1.0.0' }], 'list of Plugin': [{ Name: 'made-up' }], 'map of any': { made: 'up' } };
  for (const field of [...told, TYPES['endpoints']!.fields.find(({ name }) => name === 'ConnectionStatus')!]) {
    const answer = await manager.call('PATCH', 'endpoints/edge-1', [{ op: 'add', path: `/${field.name}`, value: wrong[field.kind] ?? another(field, before[field.name]) }]);
    expect(answer.status, field.name).toBe(200);
  }
  site.kill();
  await site.launch();
  await until('all of it is as it was', async () => {
    const now = (await manager.call('GET', 'endpoints/edge-1')).body as Body;
    return now['ConnectionStatus'] === 'Connected' && told.every(({ name }) => same(now[name] ?? '', before[name] ?? ''));
  });
});

test('a job that the server makes nothing of is said to be none, and the form stays', async () => {
  const browser = await startBrowser();
  const machine = await manager.create('machines', { Name: 'without-work' });
  const { page, faults } = await openTab(browser, manager);
  await login(page, manager, 'o/jobs/new');
  await page.getByRole('textbox', { name: 'Machine *' }).fill(String(machine['Uuid']));
  expect(await page.getByLabel('State', { exact: true }).count()).toBe(0);
  await page.getByRole('button', { name: /^Create/ }).click();
  await page.getByRole('status').filter({ hasText: 'The server made nothing' }).waitFor();
  await page.getByRole('heading', { level: 1, name: 'New Job' }).waitFor();
  expect(faults).toEqual([]);
  await browser.close();
});
