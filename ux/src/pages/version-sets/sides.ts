/** Sides of a comparison as they stand in the address. Pure. */
import type { Declares } from '../../parts/declared';

export type SideKind = 'set' | 'before' | 'is' | 'declared';

export function parseSide(text: string): { kind: SideKind; key: string } {
  const [, kind, key] = /^(set|before|is|declared):(.*)$/.exec(text) ?? [];
  return kind ? { kind: kind as SideKind, key: key ?? '' } : { kind: 'set', key: text };
}

export function sideLabel(text: string): string {
  const { kind, key } = parseSide(text);
  return { set: key, before: `${key} before`, is: `${key} as it is`, declared: `${key} as declared` }[kind];
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
