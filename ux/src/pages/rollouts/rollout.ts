/** A rollout in the words of people: how waves are cut, how far it is, and what would be given back. Pure. */
import { fromPairs, judge, parsePairs } from '../../api/filters';
import type { TypeInfo } from '../../api/schema';
import type { Rollout, RolloutEndpoint, RolloutWave, RolloutWaveRule } from '../../api/types';
import type { StateKind } from '../../parts/state';

export interface Target {
  Id: string;
  Meta?: Record<string, string> | null;
}

export interface CutWave {
  name: string;
  /** which rule made it; undefined: what no rule took */
  rule: number | undefined;
  endpoints: string[];
}

export type RuleKind = 'Count' | 'Percent' | 'MetaKey' | 'Endpoints';

export function kindOfRule(rule: RolloutWaveRule): RuleKind {
  if (rule.Endpoints && rule.Endpoints.length > 0) return 'Endpoints';
  if (rule.MetaKey !== undefined && rule.MetaKey !== '') return 'MetaKey';
  return rule.Percent ? 'Percent' : 'Count';
}

export function ruleText(rule: RolloutWaveRule): string {
  switch (kindOfRule(rule)) {
    case 'Endpoints': return rule.Endpoints!.length === 1 ? rule.Endpoints![0]! : `${rule.Endpoints!.length} named endpoints`;
    case 'MetaKey': return `${rule.MetaKey}=${rule.MetaValue ?? ''}`;
    case 'Percent': return `${rule.Percent} %`;
    case 'Count': return rule.Count === 1 ? '1 endpoint' : `${rule.Count ?? 0} endpoints`;
  }
}

/** As the manager cuts them: by id, each rule takes of what is left; named endpoints wait for their rule. */
export function cutWaves(rules: readonly RolloutWaveRule[], waveBy: string, targets: readonly Target[]): CutWave[] {
  let left = [...targets].sort((a, b) => (a.Id < b.Id ? -1 : a.Id > b.Id ? 1 : 0));
  const take = (most: number, wanted: (target: Target) => boolean): string[] => {
    const taken: string[] = [];
    left = left.filter((target) => {
      if (taken.length >= most || !wanted(target)) return true;
      taken.push(target.Id);
      return false;
    });
    return taken;
  };
  if (waveBy !== '') {
    const values = [...new Set(left.flatMap((target) => target.Meta?.[waveBy] ?? []))].sort(valueOrder);
    const waves: CutWave[] = values.map((value) => ({ name: `${waveBy}=${value}`, rule: undefined, endpoints: take(Infinity, (target) => target.Meta?.[waveBy] === value) }));
    return left.length > 0 ? [...waves, { name: `without ${waveBy}`, rule: undefined, endpoints: left.map((target) => target.Id) }] : waves;
  }
  const reserved = new Set(rules.flatMap((rule) => rule.Endpoints ?? []));
  const waves: CutWave[] = rules.map((rule, at) => {
    const kind = kindOfRule(rule);
    const free = (target: Target) => !reserved.has(target.Id);
    const endpoints =
      kind === 'Endpoints' ? take(Infinity, (target) => rule.Endpoints!.includes(target.Id))
      : kind === 'MetaKey' ? take(Infinity, (target) => free(target) && (target.Meta?.[rule.MetaKey!] ?? undefined) === (rule.MetaValue ?? ''))
      : take(kind === 'Percent' ? Math.ceil((targets.length * rule.Percent!) / 100 - 1e-9) : (rule.Count ?? 0), free);
    return { name: ruleText(rule), rule: at, endpoints };
  });
  const filled = waves.some((wave) => wave.endpoints.length > 0);
  return left.length > 0 ? [...waves, { name: filled ? 'the others' : 'all', rule: undefined, endpoints: left.map((target) => target.Id) }] : waves;
}

/** Numbers by value, words behind them. */
function valueOrder(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y || a.localeCompare(b);
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

export { moved } from '../../grid/columns';

// --- gates --------------------------------------------------------------------------------------------------------

export interface GateRule {
  Collection: string;
  Filter: string;
  Comparison: string;
  Count: number;
}

/** Names that are neither an index nor a parameter: they would fit everything or nothing. */
export function unknownNames(filter: string, type: TypeInfo, params: ReadonlySet<string>): { name: string; nearest: string[] }[] {
  return fromPairs(parsePairs(filter)).filters.flatMap((known) => {
    const verdict = judge(known, type, params);
    return verdict.kind === 'unknown' ? [{ name: known.name, nearest: verdict.nearest }] : [];
  });
}

/** The filter with the endpoints in place of their variable, as pairs for a request. */
export function gatePairs(filter: string, endpoints: readonly string[]): [string, string][] {
  return parsePairs(filter.replaceAll('$endpoints', endpoints.join(',')));
}

export function gateHolds(count: number, comparison: string, wanted: number): boolean {
  switch (comparison) {
    case '!=': return count !== wanted;
    case '<': return count < wanted;
    case '<=': return count <= wanted;
    case '>': return count > wanted;
    case '>=': return count >= wanted;
    default: return count === wanted;
  }
}

const UNIT_SECONDS: Record<string, number> = { d: 86_400, h: 3600, m: 60, s: 1 };

/** Seconds of a length of time as plans have it, `90` or `1h30m`; 0 for what is none. */
export function lengthOf(text: string | undefined): number {
  let sum = 0;
  for (const [, value, unit] of (text ?? '').matchAll(/(\d+(?:\.\d+)?)(d|h|m|s)?/g)) sum += Number(value) * UNIT_SECONDS[unit ?? 's']!;
  return sum;
}

/**
 * Since when the manager asks the gate of a wave, and how long it still may take to hold, seconds; undefined while it is not asked. It is asked from the
 * end of the soak time on, and a wave whose gate holds is over: so it has not held all the time since.
 */
export function gateAsked(wave: Pick<RolloutWave, 'State' | 'SoakUntil' | 'Ended' | 'Gate'>, patience: string | undefined, nowMs: number): { forSeconds: number; leftSeconds: number } | undefined {
  const from = Date.parse(wave.SoakUntil ?? '');
  if (wave.State !== 'soaking' || wave.Ended || !wave.Gate || Number.isNaN(from) || nowMs < from) return undefined;
  const forSeconds = (nowMs - from) / 1000;
  return { forSeconds, leftSeconds: Math.max(0, lengthOf(patience) - forSeconds) };
}

/** The plan's safety in one sentence. */
export function limitsText(plan: Pick<Rollout, 'StopWhen' | 'OnFailure'>): string {
  const limits = plan.StopWhen ?? {};
  const when = [
    ...(limits.Failed ? [limits.Failed === 1 ? '1 endpoint' : `${limits.Failed} endpoints`] : []),
    ...(limits.FailedPercent ? [`${limits.FailedPercent} % of the endpoints so far`] : []),
  ];
  return `Stop when ${when.length > 0 ? when.join(' or ') : '1 endpoint'} failed, or a wave took ${limits.WaveLimit || '6h'}; then ${plan.OnFailure === 'pause' ? 'pause and wait for a person' : 'give everything back'}.`;
}

// --- the board ----------------------------------------------------------------------------------------------------

export type Group = 'waiting' | 'underway' | 'done' | 'failed' | 'returned' | 'left';

const GROUPS: Record<string, Group> = {
  waiting: 'waiting', putting: 'underway', applying: 'underway', closing: 'underway', returning: 'underway', restoring: 'underway', leaving: 'underway', 'to return': 'underway',
  done: 'done', failed: 'failed', 'not returned': 'failed', returned: 'returned', left: 'left',
};

export const GROUP_STATE: Record<Group, StateKind> = { waiting: 'off', underway: 'working', done: 'ok', failed: 'failed', returned: 'paused', left: 'off' };
export const GROUP_WORD: Record<Group, string> = { waiting: 'waiting', underway: 'under way', done: 'done', failed: 'failed', returned: 'given back', left: 'left as it is' };

export const groupOf = (endpoint: Pick<RolloutEndpoint, 'State'>): Group => GROUPS[endpoint.State] ?? 'waiting';

export function countsOf(waves: readonly RolloutWave[]): Record<Group, number> {
  const counts: Record<Group, number> = { waiting: 0, underway: 0, done: 0, failed: 0, returned: 0, left: 0 };
  for (const wave of waves) for (const endpoint of wave.Endpoints ?? []) counts[groupOf(endpoint)]++;
  return counts;
}

const STATE_KINDS: Record<string, StateKind> = { planned: 'off', running: 'working', soaking: 'working', paused: 'paused', returning: 'working', returned: 'paused', aborting: 'working', aborted: 'paused', done: 'ok', failed: 'failed' };
export const rolloutState = (state: string): StateKind => STATE_KINDS[state] ?? 'off';

/** The wave that is looked at: the last one that began. */
export function currentWave(waves: readonly RolloutWave[]): number {
  for (let at = waves.length - 1; at >= 0; at--) if (waves[at]!.Started) return at;
  return 0;
}

/** Endpoints of the waves that began. */
export const endpointsSoFar = (waves: readonly RolloutWave[]): string[] => waves.filter((wave) => wave.Started).flatMap((wave) => (wave.Endpoints ?? []).map((endpoint) => endpoint.Endpoint));

/** `wave 2 of 4 · 61 of 500 done · 1 failed of 3 allowed` */
export function headline(rollout: Rollout): string {
  const waves = rollout.Progress ?? [];
  if (waves.length === 0) return 'no wave is cut yet';
  const counts = countsOf(waves);
  const all = waves.reduce((sum, wave) => sum + (wave.Endpoints ?? []).length, 0);
  const limits = rollout.StopWhen ?? {};
  const allowed = limits.Failed || (limits.FailedPercent ? 0 : 1);
  const stops = allowed ? ` of ${allowed} that stop it` : `, ${limits.FailedPercent} % stop it`;
  const parts = [`wave ${currentWave(waves) + 1} of ${waves.length}`, `${counts.done} of ${all} done`, `${counts.failed} failed${stops}`];
  if (counts.returned > 0) parts.push(`${counts.returned} given back`);
  return parts.join(' · ');
}

export type Steering = 'start' | 'pause' | 'resume' | 'abort' | 'return' | 'dryrun';

/** Why a command has no use now; '' when it has. */
export function steeringWhy(command: Steering, state: string): string {
  const over = ['done', 'returned', 'aborted', 'failed'].includes(state);
  switch (command) {
    case 'start': return state === 'planned' ? '' : 'It has begun';
    case 'pause': return state === 'running' || state === 'soaking' ? '' : over ? 'It is over' : state === 'paused' ? 'It is paused already' : 'It does not go forward now';
    case 'resume': return state === 'paused' ? '' : 'It is not paused';
    case 'abort': return ['running', 'soaking', 'paused', 'returning'].includes(state) ? '' : state === 'planned' ? 'It has not begun' : 'It is over';
    case 'return': return state === 'planned' ? 'It has not begun: nothing was put' : state === 'returning' || state === 'returned' ? 'It is given back already' : '';
    case 'dryrun': return '';
  }
}

export interface GivenBack {
  endpoint: string;
  sets: string[];
  apply: boolean;
  /** what it has now, where that is known */
  now: string[] | undefined;
  /** it has exactly that already */
  same: boolean;
}

/** Exactly what each endpoint gets back, from what was stored before anything was put there. */
export function givenBack(rollout: Pick<Rollout, 'Before'>, present: ReadonlyMap<string, { sets: string[]; apply: boolean }>): GivenBack[] {
  return Object.entries(rollout.Before ?? {})
    .map(([endpoint, before]) => {
      const sets = [...(before.VersionSets ?? []), ...(before.VersionSet ? [before.VersionSet] : [])];
      const now = present.get(endpoint);
      return { endpoint, sets, apply: before.Apply, now: now?.sets, same: now !== undefined && now.apply === before.Apply && now.sets.join('\n') === sets.join('\n') };
    })
    .sort((a, b) => a.endpoint.localeCompare(b.endpoint));
}

/** Sentences for screen readers: only what changed in kind, never numbers of endpoints under way. */
export function stateChange(before: Rollout | undefined, now: Rollout): string {
  if (!before) return '';
  if (before.State !== now.State) return `Rollout ${now.Id} is ${now.State}${now.Reason ? `: ${now.Reason}` : ''}`;
  const [was, is] = [currentWave(before.Progress ?? []), currentWave(now.Progress ?? [])];
  if (was !== is) return `Rollout ${now.Id}: wave ${is + 1} of ${now.Progress.length} began`;
  const failed = countsOf(now.Progress ?? []).failed - countsOf(before.Progress ?? []).failed;
  return failed > 0 ? `Rollout ${now.Id}: ${failed} more failed` : '';
}

/** The example of the documentation, to begin with. */
export const EXAMPLE: Partial<Rollout> = {
  Id: 'spring-2026',
  Description: 'The next sets, canaries first',
  Targets: 'DRPVersion=Lt(v4.15.0)',
  Apply: true,
  Concurrency: 20,
  Waves: [{ MetaKey: 'ring', MetaValue: 'canary' }, { Percent: 10 }, { Percent: 40 }],
  Soak: '30m',
  Gate: { Collection: 'machines', Filter: 'Endpoint=In($endpoints)&Available=false', Comparison: '=', Count: 0, Patience: '5m' },
  StopWhen: { FailedPercent: 5, EndpointLimit: '15m' },
  OnFailure: 'return',
};
