import { describe, expect, test } from 'vitest';
import { TYPES } from '../../api/schema';
import type { Rollout, RolloutWave } from '../../api/types';
import { countsOf, currentWave, cutWaves, gateAsked, gateHolds, gatePairs, givenBack, groupOf, headline, lengthOf, limitsText, moved, ruleText, stateChange, steeringWhy, unknownNames, type Target } from './rollout';

const targets = (count: number, meta: (at: number) => Record<string, string> = () => ({})): Target[] => Array.from({ length: count }, (_, at) => ({ Id: `e${String(at).padStart(2, '0')}`, Meta: meta(at) }));
const cut = (...args: Parameters<typeof cutWaves>) => cutWaves(...args).map((wave) => `${wave.name}: ${wave.endpoints.length}`);

describe('waves are cut as the manager cuts them', () => {
  test.each([
    [[], '', ['all: 10']],
    [[{ Count: 2 }], '', ['2 endpoints: 2', 'the others: 8']],
    [[{ Percent: 25 }], '', ['25 %: 3', 'the others: 7']],
    [[{ Percent: 10 }], '', ['10 %: 1', 'the others: 9']],
    [[{ MetaKey: 'ring', MetaValue: 'canary' }, { Percent: 50 }], '', ['ring=canary: 2', '50 %: 5', 'the others: 3']],
    [[{ Count: 3 }, { Endpoints: ['e00'] }], '', ['3 endpoints: 3', 'e00: 1', 'the others: 6']],
    [[{ Count: 99 }], '', ['99 endpoints: 10']],
    [[{ MetaKey: 'ring', MetaValue: 'none' }], '', ['ring=none: 0', 'all: 10']],
    [[{ Count: 1 }], 'rank', ['rank=2: 5', 'rank=10: 5']],
  ] as const)('%j by %j', (rules, by, expected) => {
    expect(cut(rules as never, by, targets(10, (at) => ({ ring: at < 2 ? 'canary' : 'wide', rank: at % 2 === 0 ? '10' : '2' })))).toEqual(expected);
  });

  test('endpoints that are named wait for their rule', () => {
    expect(cutWaves([{ Count: 1 }, { Endpoints: ['e00'] }], '', targets(3)).map((wave) => wave.endpoints)).toEqual([['e01'], ['e00'], ['e02']]);
  });

  test('those without the key come last', () => expect(cut([], 'ring', targets(3, (at) => (at === 0 ? { ring: 'a' } : ({} as Record<string, string>))))).toEqual(['ring=a: 1', 'without ring: 2']));
});

test.each([[0, 1, ['b', 'a', 'c']], [0, -1, ['a', 'b', 'c']], [2, 1, ['a', 'b', 'c']], [2, -1, ['a', 'c', 'b']]])('moving %i by %i', (from, by, expected) => expect(moved(['a', 'b', 'c'], from, by)).toEqual(expected));

test('rules in words', () => expect([{ Count: 1 }, { Percent: 5 }, { MetaKey: 'a', MetaValue: 'b' }, { Endpoints: ['x', 'y'] }].map(ruleText)).toEqual(['1 endpoint', '5 %', 'a=b', '2 named endpoints']));

describe('gates', () => {
  const type = TYPES['machines']!;
  test.each([
    ['Endpoint=In($endpoints)&Available=false', []],
    ['Availble=false', ['Availble']],
    ['rack/row=5&motd=x', ['motd']],
    ['', []],
  ])('%s names nobody knows: %j', (filter, unknown) => expect(unknownNames(filter, type, new Set(['known'])).map((known) => known.name)).toEqual(unknown));
  test('a parameter that is declared is known', () => expect(unknownNames('motd=x', type, new Set(['motd']))).toEqual([]));
  test('the nearest names are offered', () => expect(unknownNames('Availble=false', type, new Set())[0]!.nearest).toContain('Available'));
  test.each([['', 0], ['90', 90], ['30m', 1800], ['1h30m', 5400], ['1.5h', 5400], ['2d', 172_800]] as const)('%s is %i s', (text, seconds) => expect(lengthOf(text)).toBe(seconds));
  const soaked = { State: 'soaking', SoakUntil: '2026-12-02T10:00:00Z', Gate: '2 machines match, wanted = 0' };
  const later = Date.parse('2026-12-02T10:02:00Z');
  test('it is asked from the end of the soak time on, and fails when its patience is over', () => {
    expect(gateAsked(soaked, '5m', later)).toEqual({ forSeconds: 120, leftSeconds: 180 });
    expect(gateAsked(soaked, undefined, later)).toEqual({ forSeconds: 120, leftSeconds: 0 });
  });
  test.each([{ ...soaked, State: 'running' }, { ...soaked, Ended: '2026-12-02T10:01:00Z' }, { ...soaked, Gate: '' }, { ...soaked, SoakUntil: '2026-12-02T10:03:00Z' }, { State: 'soaking' }])('it is not asked: %j', (wave) => expect(gateAsked(wave, '5m', later)).toBeUndefined());
  test('endpoints stand where their variable stood', () => expect(gatePairs('Endpoint=In($endpoints)&Available=false', ['a', 'b'])).toEqual([['Endpoint', 'In(a,b)'], ['Available', 'false']]));
  test.each([[0, '=', 0, true], [17, '=', 0, false], [1, '!=', 0, true], [3, '<', 3, false], [3, '<=', 3, true], [4, '>', 3, true], [3, '>=', 4, false]] as const)('%i %s %i: %s', (count, comparison, wanted, holds) => expect(gateHolds(count, comparison, wanted)).toBe(holds));
});

test('limits as a sentence', () => {
  expect(limitsText({ StopWhen: { Failed: 3, FailedPercent: 5, WaveLimit: '2h' }, OnFailure: 'pause' } as never)).toBe('Stop when 3 endpoints or 5 % of the endpoints so far failed, or a wave took 2h; then pause and wait for a person.');
  expect(limitsText({ StopWhen: {}, OnFailure: 'return' } as never)).toBe('Stop when 1 endpoint failed, or a wave took 6h; then give everything back.');
});

const wave = (Started: string, ...states: string[]): RolloutWave => ({ Name: 'w', State: 'running', Started, Endpoints: states.map((State, at) => ({ Endpoint: `e${at}`, State })) }) as RolloutWave;
const rollout = (more: Partial<Rollout>): Rollout => ({ Id: 'r', State: 'running', StopWhen: { Failed: 3 }, Progress: [], ...more }) as Rollout;

test('how far it is', () => {
  const progress = [wave('t', 'done', 'done'), wave('t', 'applying', 'failed', 'to return'), wave('', 'waiting')];
  expect(countsOf(progress)).toEqual({ waiting: 1, underway: 2, done: 2, failed: 1, returned: 0, left: 0 });
  expect(currentWave(progress)).toBe(1);
  expect(headline(rollout({ Progress: progress }))).toBe('wave 2 of 3 · 2 of 6 done · 1 failed of 3 that stop it');
  expect(headline(rollout({}))).toBe('no wave is cut yet');
  expect(groupOf({ State: 'a word of a later version' })).toBe('waiting');
});

test('exactly what each endpoint gets back', () => {
  const present = new Map([['b', { sets: ['new', 'base'], apply: true }], ['a', { sets: ['base'], apply: false }]]);
  expect(givenBack({ Before: { b: { VersionSets: ['base'], Apply: false }, a: { VersionSets: ['base'], Apply: false }, c: { VersionSets: [], VersionSet: 'old', Apply: true } } } as never, present)).toEqual([
    { endpoint: 'a', sets: ['base'], apply: false, now: ['base'], same: true },
    { endpoint: 'b', sets: ['base'], apply: false, now: ['new', 'base'], same: false },
    { endpoint: 'c', sets: ['old'], apply: true, now: undefined, same: false },
  ]);
});

test.each([
  ['start', 'planned', true], ['start', 'running', false], ['pause', 'soaking', true], ['pause', 'paused', false], ['resume', 'paused', true], ['resume', 'done', false],
  ['abort', 'running', true], ['abort', 'done', false], ['return', 'done', true], ['return', 'planned', false], ['return', 'returned', false], ['dryrun', 'planned', true],
] as const)('%s while it is %s: %s', (command, state, can) => expect(steeringWhy(command, state) === '').toBe(can));

test('screen readers hear changes of state only', () => {
  const before = rollout({ Progress: [wave('t', 'applying'), wave('', 'waiting')] });
  expect(stateChange(undefined, before)).toBe('');
  expect(stateChange(before, rollout({ Progress: [wave('t', 'done'), wave('', 'waiting')] }))).toBe('');
  expect(stateChange(before, rollout({ State: 'paused', Reason: 'gate', Progress: before.Progress }))).toBe('Rollout r is paused: gate');
  expect(stateChange(before, rollout({ Progress: [wave('t', 'done'), wave('t', 'putting')] }))).toBe('Rollout r: wave 2 of 2 began');
  expect(stateChange(before, rollout({ Progress: [wave('t', 'failed'), wave('', 'waiting')] }))).toBe('Rollout r: 1 more failed');
});
