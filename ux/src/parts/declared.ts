/** What version sets declare and endpoints have, in one shape that can be counted, resolved and compared. Pure. */
import type { CatalogItem, Element, FileData, Plugin } from '../api/types';
import { same } from './form';
import { ownerOf } from './owners';

export type DeclaredKind = 'server' | 'interface' | 'pack' | 'provider' | 'plugin' | 'file' | 'pref' | 'global';

/** In the order in which a plan carries them out. */
export const KIND_WORDS: Record<DeclaredKind, [one: string, many: string]> = {
  server: ['server version', 'server versions'],
  interface: ['interface version', 'interface versions'],
  pack: ['content pack', 'content packs'],
  provider: ['plugin provider', 'plugin providers'],
  plugin: ['plugin', 'plugins'],
  file: ['file', 'files'],
  pref: ['preference', 'preferences'],
  global: ['global param', 'global params'],
};

/** The members of version sets and endpoints that say what is, or should be, there. */
export interface Declares {
  DRPVersion?: string;
  DRPUXVersion?: string;
  Components?: Partial<Element>[] | null;
  Plugins?: Partial<Plugin>[] | null;
  Prefs?: Record<string, string> | null;
  Files?: Partial<FileData>[] | null;
  Global?: Record<string, unknown> | null;
}

export interface Declaration {
  kind: DeclaredKind;
  name: string;
  value: unknown;
}

const PROVIDER_WORDS = new Set(['PluginProvider', 'PP']);

export function kindOfComponent(component: Partial<Element>): DeclaredKind {
  if (component.Type === 'DRP') return 'server';
  if (component.Type === 'DRPUX') return 'interface';
  return PROVIDER_WORDS.has(component.Type ?? '') ? 'provider' : 'pack';
}

/** The kind that a line of a plan is about. */
export function kindOfLine(type: string): DeclaredKind {
  const known: Record<string, DeclaredKind> = { DRP: 'server', DRPUX: 'interface', PluginProvider: 'provider', PP: 'provider', Plugin: 'plugin', File: 'file', Pref: 'pref', Global: 'global' };
  return known[type] ?? 'pack';
}

/** Everything that is said, each thing once. `actual`: an endpoint's components show what they really are. */
export function declarationsOf(set: Declares, actual = false): Declaration[] {
  const all: Declaration[] = [];
  if (set.DRPVersion) all.push({ kind: 'server', name: 'server', value: set.DRPVersion });
  if (set.DRPUXVersion) all.push({ kind: 'interface', name: 'interface', value: set.DRPUXVersion });
  for (const component of set.Components ?? []) {
    all.push({ kind: kindOfComponent(component), name: component.Name ?? '', value: (actual && component.ActualVersion) || component.Version || '' });
  }
  for (const plugin of set.Plugins ?? []) all.push({ kind: 'plugin', name: plugin.Name ?? '', value: { Provider: plugin.Provider ?? '', ...(plugin.Params ?? {}) } });
  for (const file of set.Files ?? []) all.push({ kind: 'file', name: file.Path ?? '', value: file.Sha256Sum || file.Source || '' });
  for (const [name, value] of Object.entries(set.Prefs ?? {})) all.push({ kind: 'pref', name, value });
  for (const [name, value] of Object.entries(set.Global ?? {})) all.push({ kind: 'global', name, value });
  return all;
}

/** How much of each kind is declared; kinds of which nothing is are left out. */
export function countsByKind(set: Declares): { kind: DeclaredKind; count: number }[] {
  const all = declarationsOf(set);
  return (Object.keys(KIND_WORDS) as DeclaredKind[])
    .map((kind) => ({ kind, count: all.filter((known) => known.kind === kind).length }))
    .filter((counted) => counted.count > 0);
}

/** Several sets as one: of each thing the first counts. */
export function mergedDeclarations(sets: readonly { id: string; set: Declares }[]): (Declaration & { by: string; shadows: string[] })[] {
  const merged = new Map<string, Declaration & { by: string; shadows: string[] }>();
  for (const { id, set } of sets) {
    for (const known of declarationsOf(set)) {
      const key = `${known.kind} ${known.name}`;
      const winner = merged.get(key);
      if (winner) winner.shadows.push(id);
      else merged.set(key, { ...known, by: id, shadows: [] });
    }
  }
  return [...merged.values()];
}

// --- versions -----------------------------------------------------------------------------------------------------

export type Resolution =
  | { kind: 'item'; version: string; item: CatalogItem; why: string }
  | { kind: 'ignored' }
  | { kind: 'missing'; known: string[] };

/** What a version word of a component means today, and why. */
export function resolveVersion(name: string, word: string, items: readonly CatalogItem[]): Resolution {
  if (word === 'ignore') return { kind: 'ignored' };
  const own = items.filter((item) => item.Name === name);
  const found = own.find((item) => item.Version === word) ?? own.find((item) => item.ActualVersion === word);
  if (!found) return { kind: 'missing', known: versionsOf(own).slice(0, 5) };
  const from = sourceWord(found);
  const version = found.ActualVersion || found.Version;
  if (word === 'stable') return { kind: 'item', version, item: found, why: `the highest released version in ${from}` };
  if (word === 'tip') return { kind: 'item', version, item: found, why: `the newest development build in ${from}` };
  return { kind: 'item', version, item: found, why: `from ${from}` };
}

/** Where an item comes from, in words. */
export function sourceWord(item: Pick<CatalogItem, 'Source'> & { Bundle?: string }): string {
  const source = item.Source ?? '';
  if (source.startsWith('installed://')) return 'what is installed here';
  if (source.includes('/files/travelled/')) return 'what travelled here';
  if (source.includes('/files/rebar-catalog/') || source.startsWith('self://')) return 'the catalog of this server';
  const host = /^https?:\/\/([^/]+)/.exec(source)?.[1];
  return host ? `the catalog at ${host}` : 'the catalog';
}

function parts(version: string): { numbers: number[]; pre: string } {
  const [released = '', pre = ''] = version.replace(/^v/, '').split(/-(.*)/s);
  return { numbers: released.split('+')[0]!.split('.').map((part) => Number.parseInt(part, 10) || 0), pre: pre.split('+')[0] ?? '' };
}

function comparePre(a: string, b: string): number {
  if (a === b) return 0;
  // What has no pre-release part is newer than what has one.
  if (a === '' || b === '') return a === '' ? 1 : -1;
  const [left, right] = [a.split('.'), b.split('.')];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [x, y] = [left[at], right[at]];
    if (x === y) continue;
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const numeric = /^\d+$/;
    if (numeric.test(x) && numeric.test(y)) return Number(x) - Number(y);
    if (numeric.test(x) !== numeric.test(y)) return numeric.test(x) ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

/** As semantic versioning orders them; a leading v is no part of the number. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let at = 0; at < Math.max(left.numbers.length, right.numbers.length); at++) {
    const difference = (left.numbers[at] ?? 0) - (right.numbers[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return comparePre(left.pre, right.pre);
}

/** Newest first, each once. */
export function versionsOf(items: readonly Pick<CatalogItem, 'ActualVersion' | 'Version'>[]): string[] {
  return [...new Set(items.map((item) => item.ActualVersion || item.Version))].sort((a, b) => compareVersions(b, a));
}

// --- comparing ----------------------------------------------------------------------------------------------------

export interface Side {
  label: string;
  declarations: readonly Declaration[];
  /** what it leaves out stays as it is, but for what is removed: the sets of an endpoint */
  partial?: boolean;
}

/** What goes when nothing declares it any more; everything else stays as it is. */
export const REMOVABLE: readonly DeclaredKind[] = ['pack', 'provider', 'plugin'];

export interface CompareRow {
  kind: DeclaredKind;
  name: string;
  /** one for each side; undefined: it says nothing of this */
  values: unknown[];
  equal: boolean;
  /** the first side has it, the last does not */
  deleted: boolean;
}

export function compareSides(sides: readonly Side[]): CompareRow[] {
  const tables = sides.map((side) => new Map(side.declarations.map((known) => [`${known.kind} ${known.name}`, known])));
  const keys = new Set(tables.flatMap((table) => [...table.keys()]));
  const order = Object.keys(KIND_WORDS);
  return [...keys]
    .map((key) => {
      const known = tables.map((table) => table.get(key)).find((found) => found !== undefined)!;
      const values = tables.map((table) => table.get(key)?.value);
      const stays = !REMOVABLE.includes(known.kind);
      const counted = values.filter((value, at) => !(value === undefined && stays && sides[at]!.partial));
      return { kind: known.kind, name: known.name, values, equal: counted.every((value) => same(value, counted[0])), deleted: !stays && values[0] !== undefined && values.at(-1) === undefined };
    })
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.name.localeCompare(b.name));
}

// --- endpoints ----------------------------------------------------------------------------------------------------

export interface EndpointFacts {
  Id: string;
  Endpoint?: string;
  VersionSet?: string;
  VersionSets?: string[] | null;
  Apply?: boolean;
  Actions?: unknown[] | null;
  Errors?: string[] | null;
  ActionErrorCount?: number;
  ConnectionStatus?: string;
  VersionSetsDisabled?: boolean;
}

/** Names of its sets, first wins. */
export function setsOf(endpoint: EndpointFacts): string[] {
  return [...(endpoint.VersionSets ?? []), ...(endpoint.VersionSet ? [endpoint.VersionSet] : [])];
}

export type Compliance = 'declared' | 'behind' | 'stopped' | 'unmanaged';

export function complianceOf(endpoint: EndpointFacts): Compliance {
  if (setsOf(endpoint).length === 0 || endpoint.VersionSetsDisabled) return 'unmanaged';
  if ((endpoint.ActionErrorCount ?? 0) > 0 || (endpoint.Errors ?? []).length > 0) return 'stopped';
  return (endpoint.Actions ?? []).length > 0 ? 'behind' : 'declared';
}

export const inTouch = (endpoint: EndpointFacts): boolean => /^(Connected|Updating)/.test(endpoint.ConnectionStatus ?? '');

export interface SetUse {
  declared: string[];
  behind: string[];
  stopped: string[];
  /** of all of them, those whose state is as of their last word */
  dark: string[];
  total: number;
}

/** How the endpoints stand that have a set. */
export function useOfSet(using: readonly EndpointFacts[]): SetUse {
  const of = (state: Compliance) => using.filter((endpoint) => complianceOf(endpoint) === state).map((endpoint) => endpoint.Id);
  return { declared: of('declared'), behind: of('behind'), stopped: of('stopped'), dark: using.filter((endpoint) => !inTouch(endpoint)).map((endpoint) => endpoint.Id), total: using.length };
}

type KeptSet = { Id: string; Endpoint?: string; Meta?: Record<string, string> | null };

/**
 * Endpoints that mean this set by its name: those that its owner keeps, and those of managers that have it from the owner, or
 * do not have it yet and get it from this server.
 */
export function endpointsOfSet<Facts extends EndpointFacts>(set: KeptSet, endpoints: readonly Facts[], sets: readonly KeptSet[], here: string): Facts[] {
  const owner = ownerOf(set, here);
  const theirs = new Map(sets.filter((known) => known.Id === set.Id).map((known) => [ownerOf(known, here), known]));
  const means = (keeper: string) => keeper === owner || (theirs.has(keeper) ? theirs.get(keeper)!.Meta?.['mullion/from'] === owner : owner === here);
  return endpoints.filter((endpoint) => setsOf(endpoint).includes(set.Id) && means(ownerOf(endpoint, here)));
}

/** Where a set comes from. */
export function originOf(set: { Bundle?: string; Meta?: Record<string, string> | null; ReadOnly?: boolean; Endpoint?: string }, here: string): string {
  const from = set.Meta?.['mullion/from'];
  if (from) return `travelled from ${from}`;
  if (set.Bundle) return `pack ${set.Bundle}`;
  return !set.Endpoint || set.Endpoint === here ? 'here' : set.Endpoint;
}

/** A query over endpoints that finds these ids. */
export function endpointsHref(ids: readonly string[]): string {
  if (ids.length === 0) return '/ux/endpoints';
  return `/ux/endpoints?Id=In(${ids.slice(0, 200).map(encodeURIComponent).join(',')})`;
}

// --- what a change of a set would lead to --------------------------------------------------------------------------

export interface Expected {
  /** what would be put, in words; the same for all endpoints of a group */
  changes: string[];
  /** packs, providers and plugins that nothing would declare any more: the plan says which really go */
  undeclared: string[];
  endpoints: string[];
}

/**
 * Endpoints that have the set, grouped by what putting `draft` in its place would come to, as far as what they show tells. The
 * server's plan knows more: what needs what, builds for other platforms, files.
 */
export function expectedOf(id: string, draft: Declares, endpoints: readonly (EndpointFacts & Declares)[], sets: ReadonlyMap<string, Declares>, items: readonly CatalogItem[]): Expected[] {
  const groups = new Map<string, Expected>();
  for (const endpoint of endpoints) {
    const names = setsOf(endpoint);
    if (!names.includes(id)) continue;
    const wanted = mergedDeclarations(names.map((name) => ({ id: name, set: name === id ? draft : (sets.get(name) ?? {}) })));
    const { changes, undeclared } = differs(wanted, declarationsOf(endpoint, true), items);
    const key = JSON.stringify([changes, undeclared]);
    const group = groups.get(key) ?? { changes, undeclared, endpoints: [] };
    group.endpoints.push(endpoint.Id);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.endpoints.length - a.endpoints.length);
}

function differs(wanted: readonly Declaration[], has: readonly Declaration[], items: readonly CatalogItem[]): Pick<Expected, 'changes' | 'undeclared'> {
  const changes: string[] = [];
  // A component may be declared without its kind, so names alone count for those.
  const nameOf = (known: Declaration) => (known.kind === 'pack' || known.kind === 'provider' ? `component ${known.name}` : `${known.kind} ${known.name}`);
  const present = new Map(has.map((known) => [nameOf(known), known]));
  for (const known of wanted) {
    if (known.kind === 'file' || known.kind === 'interface') continue;
    const now = present.get(nameOf(known));
    let then = known.value;
    if (known.kind === 'pack' || known.kind === 'provider') {
      const resolved = resolveVersion(known.name, String(known.value), items);
      if (resolved.kind === 'ignored') continue;
      then = resolved.kind === 'item' ? resolved.version : `${String(known.value)} (in no catalog)`;
    } else if (known.kind === 'server') {
      const resolved = resolveVersion('drp', String(known.value), items);
      if (resolved.kind === 'item') then = resolved.version;
    }
    if (now && same(now.value, then)) continue;
    const text = typeof then === 'string' ? then : JSON.stringify(then);
    changes.push(`${KIND_WORDS[known.kind][0]} ${known.name}: ${known.kind === 'plugin' ? (now ? 'changed' : 'new') : `${now ? `${String(now.value)} → ` : ''}${text}`}`);
  }
  const declared = new Set(wanted.map(nameOf));
  const told = new Set(wanted.map((known) => known.kind));
  const undeclared = has.filter((known) => REMOVABLE.includes(known.kind) && told.has(known.kind) && !declared.has(nameOf(known))).map((known) => known.name);
  return { changes, undeclared };
}
