import { expect, test } from 'vitest';
import { arrange, causesOf, endpointOf, flatten } from '../../parts/endpoint';
import { changesSince, checklist, needsOf, unseen, type Facts } from './needs';

const made = (id: string, manager: string, status = 'Connected', more: Record<string, unknown> = {}) => endpointOf({ Id: id, Endpoint: manager, ConnectionStatus: status, DRPVersion: 'v2', ...more });
const roots = arrange([made('R2', 'M1', 'Lost: timed out', { ConnectionSince: '2026-11-30T02:55:00Z' }), made('C', 'R2'), made('D', 'R2'), made('E', 'M1', 'Error: login refused'), made('A', 'M1', 'Connected', { VersionSets: ['s'], Errors: ['no item'] })], 'M1');
const nodes = flatten(roots);
const NONE: Facts = { failed: { count: 0, tasks: [], since: '' }, causes: [], nodes: [], rollouts: [], bulks: [], errors: [], firstPassword: false };
const clock = (time: string) => time.slice(11, 16);

test('nothing is wrong, nothing is said', () => {
  expect(needsOf(NONE, clock)).toEqual([]);
});

test('what may not be listed is named: nothing of it is here, and nobody knows', () => {
  expect(unseen(() => false)).toBeUndefined();
  expect(unseen((prefix) => prefix !== 'endpoints')).toEqual({ prefix: 'jobs', text: 'Not looked at, because you may not see them: jobs that failed, rollouts, changes of many.' });
});

test('in the order of what it costs to ignore; one line a cause', () => {
  const needs = needsOf({ ...NONE, nodes, causes: causesOf(roots), failed: { count: 500, tasks: [{ value: 'network-config', count: 498 }], since: 'x' }, rollouts: [{ Id: 'spring', State: 'paused', Reason: 'gate does not hold' }], bulks: [{ Id: 'b', State: 'asking' }], errors: ['disk full'], firstPassword: true }, clock);
  expect(needs.map(({ id }) => id)).toEqual(['server disk full', 'failed', 'dark R2', 'rollout spring', 'bulk b', 'login', 'unplanned', 'password']);
  expect(needs[1]).toMatchObject({ text: '500 machines failed in the last hour', detail: '498 of them in task network-config', href: '/ux/failures?since=1h' });
  expect(needs[2]).toMatchObject({ text: 'R2 is not reachable since 02:55; 2 endpoints below it are dark for this one reason', detail: 'timed out' });
  expect(needs[6]?.text).toBe('1 endpoint cannot be planned: no item');
});

test('many that are dark for themselves are one line', () => {
  const many = arrange(Array.from({ length: 30 }, (_, at) => made(`e${at}`, 'M1', 'Lost: 10.0.0.1:80: refused')), 'M1');
  const needs = needsOf({ ...NONE, nodes: flatten(many), causes: causesOf(many) }, clock);
  expect(needs).toMatchObject([{ text: '30 endpoints are not reachable', detail: '30 of them: refused', href: '/ux/endpoints?_state=dark' }]);
});

test('since the last visit: what came, went, joined, was upgraded and changed', () => {
  const before = { time: '2026-11-29T18:40:00Z', machines: 100, versions: { A: 'v1', E: 'v2' } };
  const texts = changesSince(before, { machines: 408, created: 312, joined: 2, nodes, sets: [{ Id: 'base', LastModifiedBy: 'user:bob' }] }).map(({ text }) => text);
  expect(texts).toEqual(['+ 312 machines', '− 4 machines', '2 endpoints joined', 'A upgraded to v2', 'set base changed by bob']);
  expect(changesSince(before, { machines: 100, created: 0, joined: 0, nodes: [], sets: [] })).toEqual([]);
});

test('the list for a new server ticks off what is done', () => {
  expect(checklist({ firstPassword: true, manager: false, endpoints: 0, packs: 0, machines: 0 }).filter(({ done }) => done)).toEqual([]);
  expect(checklist({ firstPassword: false, manager: true, endpoints: 1, packs: 1, machines: 1 }).every(({ done }) => done)).toBe(true);
});
