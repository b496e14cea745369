/** What is selected: some rows, or everything a query finds except some. */

export type Selection =
  | { kind: 'some'; keys: ReadonlySet<string> }
  /** `count` is how many there were when it was made: what comes later is not meant */
  | { kind: 'query'; filter: string; except: ReadonlySet<string>; count: number };

export const NOTHING: Selection = { kind: 'some', keys: new Set() };

/** Owners may have equal keys, so a row is named by both. */
export function rowName(key: string, owner: string): string {
  return owner === '' ? key : `${owner}\n${key}`;
}

export function isSelected(selection: Selection, name: string): boolean {
  return selection.kind === 'some' ? selection.keys.has(name) : !selection.except.has(name);
}

export function sizeOf(selection: Selection): number {
  return selection.kind === 'some' ? selection.keys.size : Math.max(0, selection.count - selection.except.size);
}

function toggled(set: ReadonlySet<string>, name: string): Set<string> {
  const next = new Set(set);
  if (!next.delete(name)) next.add(name);
  return next;
}

export function toggle(selection: Selection, name: string): Selection {
  return selection.kind === 'some'
    ? { kind: 'some', keys: toggled(selection.keys, name) }
    : { ...selection, except: toggled(selection.except, name) };
}

export function add(selection: Selection, names: readonly string[]): Selection {
  if (selection.kind === 'some') return { kind: 'some', keys: new Set([...selection.keys, ...names]) };
  const except = new Set(selection.except);
  for (const name of names) except.delete(name);
  return { ...selection, except };
}

export function everything(filter: string, count: number): Selection {
  return { kind: 'query', filter, except: new Set(), count };
}

/** What was selected by a query means nothing for another query; single rows keep their meaning. */
export function afterQueryChange(selection: Selection, filter: string): Selection {
  return selection.kind === 'query' && selection.filter !== filter ? NOTHING : selection;
}
