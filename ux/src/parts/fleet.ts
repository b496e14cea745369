/** Plans of many endpoints, grouped by what is the same: five hundred endpoints are a few plans. Pure. */
import type { EndpointPlan, FleetPlan, FleetPlanGroup, PlanLine } from '../api/types';
import { KIND_WORDS, kindOfLine, type DeclaredKind } from './declared';

/** A, B, ... Z, AA, AB. */
export function letterOf(index: number): string {
  const own = String.fromCharCode(65 + (index % 26));
  return index < 26 ? own : letterOf(Math.floor(index / 26) - 1) + own;
}

export interface LineText {
  kind: DeclaredKind;
  verb: 'install' | 'upgrade' | 'change' | 'set' | 'put' | 'remove';
  name: string;
  now: string;
  then: string;
}

const text = (value: unknown) => (value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value));

/** A line of a plan in the words of people. */
export function lineText(line: PlanLine): LineText {
  const kind = kindOfLine(line.Type);
  const now = line.Current ?? '';
  if (line.Action === 'Delete') return { kind, verb: 'remove', name: line.Name, now, then: '' };
  if (kind === 'pref' || kind === 'global') return { kind, verb: 'set', name: line.Name, now, then: text(line.Value) };
  if (kind === 'plugin') return { kind, verb: now === '' ? 'install' : 'change', name: line.Name, now: '', then: '' };
  if (kind === 'file') return { kind, verb: 'put', name: line.Name, now, then: '' };
  if (kind === 'server' || kind === 'interface') return { kind, verb: 'upgrade', name: kind, now, then: line.ActualVersion || line.Version };
  return { kind, verb: now === '' ? 'install' : 'upgrade', name: line.Name, now, then: line.ActualVersion || line.Version };
}

const MOST_SHOWN = 40;

/** A value of a plan beside others: a parameter may be a whole document. */
export const inShort = (value: string) => (value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN - 1)}…` : value);

/** What a line is about, with its kind. */
export function whatOf({ kind, name }: LineText): string {
  return kind === name ? KIND_WORDS[kind][0] : `${KIND_WORDS[kind][0]} ${name}`;
}

const identity = (line: PlanLine) => `${line.Type}\n${line.Name}\n${line.Action}\n${line.Current}\n${line.ActualVersion || line.Version}\n${text(line.Value)}`;

/** Plans as single endpoints tell them, grouped as the server groups: for servers that do not. */
export function groupPlans(sets: string[], plans: readonly EndpointPlan[], failed: readonly { endpoint: string; reason: string }[], planned: string): FleetPlan {
  const groups = new Map<string, FleetPlanGroup>();
  for (const plan of plans) {
    const key = [...plan.Actions, ...plan.Deletions].map(identity).concat(plan.Problems).join('\n\n');
    const group = groups.get(key) ?? { Count: 0, Endpoints: [], Actions: plan.Actions, Deletions: plan.Deletions, Problems: plan.Problems, Bytes: plan.Bytes, Restarts: plan.Restarts, Links: [], OldestFacts: 0 };
    group.Count++;
    group.Endpoints.push(plan.Endpoint);
    groups.set(key, group);
  }
  const reasons = new Map<string, string[]>();
  for (const { endpoint, reason } of failed) reasons.set(reason, [...(reasons.get(reason) ?? []), endpoint]);
  return {
    Sets: sets,
    Planned: planned,
    Count: plans.length + failed.length,
    Groups: [...groups.values()].sort((a, b) => b.Count - a.Count),
    Problems: [...reasons].map(([Reason, Endpoints]) => ({ Reason, Count: Endpoints.length, Endpoints })),
    Links: [],
    FactsAges: {},
  };
}

export interface RowSummary {
  letter: string;
  actions: string;
  perEndpoint: number;
  onLinks: number;
  links: number;
  nothing: boolean;
  cannot: boolean;
}

export function summaryOf(group: FleetPlanGroup, index: number): RowSummary {
  const count = group.Actions.length + group.Deletions.length;
  return {
    letter: letterOf(index),
    actions: count === 1 ? '1 action' : `${count} actions`,
    perEndpoint: group.Bytes,
    onLinks: group.Links.reduce((sum, link) => sum + link.Bytes, 0),
    links: group.Links.length,
    nothing: count === 0 && group.Problems.length === 0,
    cannot: group.Problems.length > 0,
  };
}

export interface GroupDifference {
  kind: DeclaredKind;
  name: string;
  /** what each of the two does with it; '' when nothing */
  a: string;
  b: string;
}

const doing = (line: PlanLine): string => {
  const { verb, now, then } = lineText(line);
  return [verb, now && then ? `${now} → ${then}` : then || now].filter(Boolean).join(' ');
};

/** What one group does and the other does not. */
export function compareGroups(a: FleetPlanGroup, b: FleetPlanGroup): GroupDifference[] {
  const table = (group: FleetPlanGroup) => new Map([...group.Actions, ...group.Deletions].map((line) => [`${line.Type}\n${line.Name}`, line]));
  const [left, right] = [table(a), table(b)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .map((key) => {
      const [one, other] = [left.get(key), right.get(key)];
      const { kind, name } = lineText((one ?? other)!);
      return { kind, name, a: one ? doing(one) : '', b: other ? doing(other) : '' };
    })
    .filter((row) => row.a !== row.b);
}

/** Endpoints whose plan was made from facts that are older than `seconds`, oldest first. */
export function staleFacts(plan: FleetPlan, seconds: number): { endpoint: string; age: number }[] {
  return Object.entries(plan.FactsAges ?? {})
    .filter(([, age]) => age > seconds)
    .map(([endpoint, age]) => ({ endpoint, age }))
    .sort((a, b) => b.age - a.age);
}

/** What everybody who is chosen loses, with how many lose it. */
export function deletionsOf(groups: readonly FleetPlanGroup[]): { name: string; kind: DeclaredKind; endpoints: number }[] {
  const found = new Map<string, { name: string; kind: DeclaredKind; endpoints: number }>();
  for (const group of groups) {
    for (const line of group.Deletions) {
      const key = `${line.Type}\n${line.Name}`;
      const known = found.get(key) ?? { name: line.Name, kind: kindOfLine(line.Type), endpoints: 0 };
      known.endpoints += group.Count;
      found.set(key, known);
    }
  }
  return [...found.values()].sort((a, b) => b.endpoints - a.endpoints || a.name.localeCompare(b.name));
}

/** Filters of an address as one query, as rollouts and plans take it. */
export function targetsText(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}
