/** Owners are asked themselves for what a list shows of them, beside the copies here: whom, for what, and what came of it. Pure. */
import type { Pairs } from '../../api/client';

/** owners of one press of the button */
export const OWNERS_PER_PRESS = 20;
/** owners that are asked at the same time, each for one thing after the other */
export const AT_ONCE = 4;
/** rows of an owner that are compared one by one; above that only their number is */
export const MOST_ROWS = 100;
export const WAIT_SECONDS = 10;

type Body = Readonly<Record<string, unknown>>;

export interface Side {
  count: number;
  /** all of them, or the first */
  rows: readonly Body[];
}

/** An object as a link to it says it. */
export interface Named {
  key: string;
  name: string;
}

export interface Changed extends Named {
  members: string[];
}

export interface Comparison {
  there: number;
  here: number;
  /** whether each row was compared, not only their number */
  complete: boolean;
  onlyThere: Named[];
  onlyHere: Named[];
  changed: Changed[];
}

export type Answer =
  | { kind: 'waiting' }
  | { kind: 'asking' }
  | { kind: 'stopped' }
  /** it did not answer, or cannot answer this */
  | { kind: 'silent'; why: string }
  | { kind: 'answered'; comparison: Comparison; at: string };

export interface Asked {
  owner: string;
  /** how old the copy was when it was asked, seconds */
  age: number | undefined;
  answer: Answer;
}

/** Who is asked next: whoever was lost last first, as it is the likeliest to answer. */
export function nextOwners(ages: Readonly<Record<string, number>>, done: readonly string[]): string[] {
  const left = Object.keys(ages).filter((owner) => !done.includes(owner));
  return left.sort((a, b) => ages[a]! - ages[b]! || a.localeCompare(b)).slice(0, OWNERS_PER_PRESS);
}

const withoutOwner = (pairs: Pairs): Pairs => pairs.filter(([name]) => name !== 'Endpoint' && name !== 'sort' && name !== 'reverse');

/** What the copy here is asked: the list's question, of one owner. */
export function questionHere(pairs: Pairs, owner: string): Pairs {
  return [...withoutOwner(pairs), ['Endpoint', `Eq(${owner})`]];
}

/** What the owner is asked: one that is a manager has objects of others beside its own. */
export function questionThere(pairs: Pairs, owner: string, isManager: boolean): Pairs {
  return isManager ? questionHere(pairs, owner) : withoutOwner(pairs);
}

/** Why an owner would take the question for another one; empty when it would not. */
export function cannotAsk(pairs: Pairs, features: readonly string[]): string {
  return pairs.some(([name]) => name === 'search') && !features.includes('ux-search') ? 'It cannot search for plain words: use a filter instead.' : '';
}

/** As text in which members have one order; an owner leaves its own name out. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, found: unknown) =>
    found !== null && typeof found === 'object' && !Array.isArray(found) ? Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1))) : found,
  ) ?? '';
}

function differing(there: Body, here: Body): string[] {
  const names = new Set([...Object.keys(there), ...Object.keys(here)]);
  return [...names].filter((name) => name !== 'Endpoint' && canonical(there[name]) !== canonical(here[name])).sort();
}

export function compare(key: string, there: Side, here: Side): Comparison {
  const complete = there.rows.length >= there.count && here.rows.length >= here.count;
  const comparison: Comparison = { there: there.count, here: here.count, complete, onlyThere: [], onlyHere: [], changed: [] };
  if (!complete) return comparison;
  const named = (row: Body): Named => ({ key: String(row[key]), name: String(row['Name'] || row[key]) });
  const copies = new Map(here.rows.map((row) => [String(row[key]), row]));
  for (const row of there.rows) {
    const copy = copies.get(String(row[key]));
    const members = copy ? differing(row, copy) : [];
    if (!copy) comparison.onlyThere.push(named(row));
    else if (members.length > 0) comparison.changed.push({ ...named(row), members });
    copies.delete(String(row[key]));
  }
  comparison.onlyHere = [...copies.values()].map(named);
  return comparison;
}

export type Verdict = 'equal' | 'same number' | 'differs';

export function verdictOf({ there, here, complete, onlyThere, onlyHere, changed }: Comparison): Verdict {
  if (there !== here || onlyThere.length + onlyHere.length + changed.length > 0) return 'differs';
  return complete ? 'equal' : 'same number';
}

export interface Tally {
  done: number;
  answered: number;
  differ: number;
  silent: number;
  stopped: number;
}

export function tallyOf(asked: readonly Asked[]): Tally {
  const tally: Tally = { done: 0, answered: 0, differ: 0, silent: 0, stopped: 0 };
  for (const { answer } of asked) {
    if (answer.kind === 'waiting' || answer.kind === 'asking') continue;
    tally.done++;
    if (answer.kind === 'silent') tally.silent++;
    else if (answer.kind === 'stopped') tally.stopped++;
    else {
      tally.answered++;
      if (verdictOf(answer.comparison) === 'differs') tally.differ++;
    }
  }
  return tally;
}
