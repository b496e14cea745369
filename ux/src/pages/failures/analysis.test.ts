import { expect, test } from 'vitest';
import { Client } from '../../api/client';
import { Analyst, ownerOfFilter } from './analysis';

const uuid = (number: number) => `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;

/** Failed jobs 0..19 have profile `switch`, finished ones 20..119 do not; a server that knows nothing beyond the contract. */
function world(asked: string[], groupBy = false): Client {
  const job = (at: number) => ({ Uuid: uuid(at), Machine: uuid(1000 + at), Endpoint: at % 2 ? 'A' : 'B', Task: at < 20 ? 'net' : 'disk', StartTime: '2026-11-30T14:00:00Z' });
  const machine = (at: number) => ({ Uuid: uuid(1000 + at), Name: `m${at}`, Profiles: at < 20 ? ['switch', 'base'] : ['base'], Pool: 'default' });
  return new Client(() => 't', ((url: string) => {
    const at = new URL(url, 'https://here');
    asked.push(at.pathname + at.search);
    const state = at.searchParams.get('State');
    const body = at.pathname.endsWith('/endpoints') ? [{ Id: 'A', DRPVersion: 'v1' }, { Id: 'B', DRPVersion: 'v2' }]
      : at.pathname.endsWith('/machines') ? Array.from({ length: 120 }, (_, number) => machine(number)).filter((found) => at.searchParams.get('Uuid')!.includes(found.Uuid))
      : groupBy && at.searchParams.has('group-by') ? [{ Value: state === 'failed' ? 'net' : 'disk', Count: state === 'failed' ? 20 : 100 }, { Rest: true, Groups: 2, Count: 0 }]
      : Array.from({ length: state === 'failed' ? 20 : 100 }, (_, number) => job(state === 'failed' ? number : 20 + number));
    return Promise.resolve(new Response(JSON.stringify(body), { headers: { 'X-DRP-LIST-FILTER-COUNT': String(body.length), 'X-Mullion-Stale': at.pathname.endsWith('/jobs') ? 'B;age=60' : '' } }));
  }) as typeof fetch);
}
const scope = { since: new Date(0), scope: [], filters: [] };

test('without counts of the server what they share is found from what was read', async () => {
  const asked: string[] = [];
  const found = await new Analyst(world(asked), new Set(), scope).run();
  expect(found.failed).toBe(20);
  const best = Object.fromEntries(found.findings.map((finding) => [`${finding.dimension.name}=${finding.value}`, finding]));
  expect(best['Profiles=switch']).toMatchObject({ failed: 20, rest: 0, lift: 200 });
  expect(best['Profiles=base']?.lift).toBe(1);
  expect(best['Task=net']).toMatchObject({ failed: 20, failedOf: 20, rest: 0, restOf: 100 });
  expect(best['DRPVersion=v1']).toMatchObject({ failed: 10, rest: 50 });
  expect(found.stale).toEqual({ B: 60 });
  expect(asked.length).toBeLessThanOrEqual(20);
});

test('with counts of the server they are asked for, and no more than twenty times', async () => {
  const asked: string[] = [];
  await new Analyst(world(asked, true), new Set(['ux-group-by', 'ux-fields']), scope).run();
  const counts = asked.filter((url) => url.includes('group-by='));
  expect(counts).toHaveLength(12);
  expect(asked.filter((url) => url.includes('fields=')).length).toBe(asked.length - 12);
});

test('narrowing by a profile narrows both halves; by a version it becomes owners', async () => {
  const asked: string[] = [];
  const by = (name: string, value: string) => new Analyst(world(asked), new Set(), { ...scope, filters: [{ name, value }] }).run();
  const narrowed = await by('Profiles', 'switch');
  expect([narrowed.failed, narrowed.restRead]).toEqual([20, 0]);
  await by('DRPVersion', 'v2');
  expect(asked.some((url) => decodeURIComponent(url).includes('Endpoint=In(B)'))).toBe(true);
});

test.each([['Task', 'job'], ['Endpoint', 'job'], ['Profiles', 'machine'], ['OS', 'machine'], ['DRPVersion', 'endpoint'], ['Nmae', 'job']])('%s is of a %s', (name, of) => {
  expect(ownerOfFilter({ name, value: 'x' })).toBe(of);
});
