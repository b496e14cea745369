/** Sides of a comparison as they stand in the address. Pure. */
import type { Declares } from '../../parts/declared';
import { parseChoice } from '../../parts/owners';

export type SideKind = 'set' | 'before' | 'is' | 'declared';

export interface SideName {
  kind: SideKind;
  /** of a downstream manager; '' for whoever has it first */
  owner: string;
  key: string;
}

export function parseSide(text: string): SideName {
  const [, kind = 'set', choice = text] = /^(set|before|is|declared):(.*)$/.exec(text) ?? [];
  const { owner, id } = parseChoice(choice);
  return { kind: kind as SideKind, owner, key: id };
}

export function sideLabel(text: string): string {
  const { kind, owner, key } = parseSide(text);
  const name = owner === '' ? key : `${key} of ${owner}`;
  return { set: name, before: `${name} before`, is: `${name} as it is`, declared: `${name} as declared` }[kind];
}

/** Everything that can be compared, of what sets and endpoints are chosen by. */
export function sidesOf(sets: readonly string[], endpoints: readonly string[]): string[] {
  return [...sets.flatMap((set) => [`set:${set}`, `before:${set}`]), ...endpoints.flatMap((endpoint) => [`is:${endpoint}`, `declared:${endpoint}`])];
}

export interface History {
  Entries: { BeforeUnknown?: boolean; Changes?: { Path: string; From?: unknown; To?: unknown }[] }[];
}

type Tree = Record<string, unknown>;

/** An object before the newest change: each member that changed is what it was. Throws when nobody knows. */
export function undone<T extends Declares>(now: T, history: History): T {
  const entry = history.Entries[0];
  if (!entry || entry.BeforeUnknown) throw new Error('What it was before its last change is not known any more.');
  const before = structuredClone(now) as Tree;
  for (const change of entry.Changes ?? []) {
    const names = change.Path.split('/').slice(1).map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = names.pop();
    if (last === undefined) continue;
    let at = before;
    for (const name of names) at = (at[name] ??= {}) as Tree;
    if ('From' in change) at[last] = change.From;
    else delete at[last];
  }
  return before as T;
}
