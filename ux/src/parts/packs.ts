/** Content packs and versions of what a catalog offers: as rows, and how two differ. Pure. */
import type { CatalogItem } from '../api/types';
import { compareVersions, declarationsOf, resolveVersion, type Declares, type EndpointFacts } from './declared';
import { same } from './form';

export interface Pack {
  meta: Record<string, unknown> & { Name?: string; Version?: string };
  sections?: Record<string, Record<string, unknown>>;
}

export interface PackChange {
  section: string;
  key: string;
  how: 'added' | 'removed' | 'changed';
  /** members that differ */
  members: string[];
  /** them alone, or all of what came or went; without what servers keep */
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

/** layers that every server has by itself */
const BUILT_IN = new Set<unknown>(['writable', 'local', 'default', 'basic']);

/** The packs that somebody loaded. */
export const brought = (packs: readonly Pack[]): Pack[] => packs.filter(({ meta }) => !BUILT_IN.has(meta['Type']));

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
/** kept by servers; a pack as it was written has none of it */
const STAMPS = new Set(['Available', 'Bundle', 'CreatedAt', 'CreatedBy', 'Endpoint', 'Errors', 'LastModifiedAt', 'LastModifiedBy', 'Partial', 'ReadOnly', 'Validated', 'Warnings']);
const nothing = (value: unknown) => value === undefined || value === null || value === '' || value === false || (typeof value === 'object' && Object.keys(value).length === 0);

function differing(a: unknown, b: unknown): string[] {
  if (!isMap(a) || !isMap(b)) return same(a, b) ? [] : ['value'];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => !STAMPS.has(name) && !same(a[name], b[name]) && !(nothing(a[name]) && nothing(b[name]))).sort();
}

/** What people wrote of an object; `members`: these alone. */
function written(object: unknown, members?: readonly string[]): Record<string, unknown> {
  const all: Record<string, unknown> = isMap(object) ? object : { value: object };
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => (members ? members.includes(name) : !STAMPS.has(name) && !nothing(value))));
}

export function packDiff(before: Pack, after: Pack): PackChange[] {
  const changes: PackChange[] = [];
  const [left, right] = [before.sections ?? {}, after.sections ?? {}];
  for (const section of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort()) {
    const [old, young] = [left[section] ?? {}, right[section] ?? {}];
    for (const key of [...new Set([...Object.keys(old), ...Object.keys(young)])].sort()) {
      if (!(key in old)) changes.push({ section, key, how: 'added', members: [], before: {}, after: written(young[key]) });
      else if (!(key in young)) changes.push({ section, key, how: 'removed', members: [], before: written(old[key]), after: {} });
      else {
        const members = differing(old[key], young[key]);
        if (members.length > 0) changes.push({ section, key, how: 'changed', members, before: written(old[key], members), after: written(young[key], members) });
      }
    }
  }
  return changes;
}

// --- the catalog as a matrix ---------------------------------------------------------------------------------------

export interface VersionCell {
  version: string;
  /** `stable`, `tip`: what the word means today */
  words: string[];
  items: CatalogItem[];
  /** endpoints that run it */
  runs: string[];
  hotfix: boolean;
}

export interface ItemRow {
  name: string;
  type: string;
  title: string;
  cells: VersionCell[];
  /** endpoints that run a version that no catalog has */
  elsewhere: { version: string; endpoints: string[] }[];
}

export const TYPE_WORDS: Record<string, string> = { ContentPackage: 'Content packs', PluginProvider: 'Plugin providers', DRP: 'Server programs', DRPUX: 'Interfaces', DRPCLI: 'Command lines' };

type Running = EndpointFacts & Declares;

/** Versions of a thing that endpoints run, with who runs them. */
export function runningOf(name: string, type: string, endpoints: readonly Running[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (version: string | undefined, id: string) => {
    if (version) found.set(version, [...(found.get(version) ?? []), id]);
  };
  for (const endpoint of endpoints) {
    if (type === 'DRP') add(endpoint.DRPVersion, endpoint.Id);
    else if (type === 'DRPUX') add(endpoint.DRPUXVersion, endpoint.Id);
    else for (const component of endpoint.Components ?? []) if (component.Name === name) add(component.ActualVersion || component.Version, endpoint.Id);
  }
  return found;
}

/** Rows by kind and name; versions newest first. */
export function matrixOf(items: readonly CatalogItem[], endpoints: readonly Running[]): ItemRow[] {
  const names = new Map<string, CatalogItem[]>();
  for (const item of items) names.set(item.Name, [...(names.get(item.Name) ?? []), item]);
  const kinds = Object.keys(TYPE_WORDS);
  const kindRank = (type: string) => (kinds.includes(type) ? kinds.indexOf(type) : kinds.length);
  return [...names]
    .map(([name, own]) => {
      const type = own[0]!.ContentType;
      const running = runningOf(name, type, endpoints);
      const versions = [...new Set(own.map((item) => item.ActualVersion || item.Version))].sort((a, b) => compareVersions(b, a));
      const cells = versions.map((version) => {
        const those = own.filter((item) => (item.ActualVersion || item.Version) === version);
        const runs = running.get(version) ?? [];
        running.delete(version);
        return { version, words: those.map((item) => item.Version).filter((word) => word === 'stable' || word === 'tip').sort(), items: those, runs, hotfix: those.some((item) => item.HotFix) };
      });
      const elsewhere = [...running].map(([version, ids]) => ({ version, endpoints: ids }));
      const title = (own[0] as { Meta?: Record<string, string> }).Meta?.['DisplayName'] ?? '';
      return { name, type, title: title === name ? '' : title, cells, elsewhere };
    })
    .sort((a, b) => kindRank(a.type) - kindRank(b.type) || a.name.localeCompare(b.name));
}

export interface Declarer {
  set: string;
  word: string;
  version: string;
}

/** Sets that declare something, and which version they mean today. */
export function declarersOf(name: string, type: string, sets: readonly (Declares & { Id: string })[], items: readonly CatalogItem[]): Declarer[] {
  return sets.flatMap((set) =>
    declarationsOf(set)
      .filter((known) => (type === 'DRP' ? known.kind === 'server' : type === 'DRPUX' ? known.kind === 'interface' : (known.kind === 'pack' || known.kind === 'provider') && known.name === name))
      .map((known) => {
        const word = String(known.value);
        const resolved = resolveVersion(name, word, items);
        return { set: set.Id, word, version: resolved.kind === 'item' ? resolved.version : resolved.kind === 'ignored' ? 'ignored' : 'in no catalog' };
      }),
  );
}

/** Names and conditions of what must be there, too: `a: >=1.0, b`. */
export function prerequisitesOf(item: { Meta?: Record<string, string> | null }): { name: string; wanted: string }[] {
  const text = item.Meta?.['Prerequisites'] ?? '';
  return text.split(',').map((part) => part.trim()).filter(Boolean).map((part) => {
    const [name = '', ...rest] = part.split(':');
    return { name: name.trim(), wanted: rest.join(':').trim() };
  });
}

/** Where the file of an item is on this server: below files/, else ''. */
export function ownFileOf(item: Pick<CatalogItem, 'Source'>): string {
  const path = /(?:^self:\/\/|\/)(files\/(?:rebar-catalog|travelled)\/.+)$/.exec(item.Source ?? '')?.[1];
  return path ?? '';
}

export const installedPack = (item: Pick<CatalogItem, 'Source'>): string => /^installed:\/\/contents\/(.+)$/.exec(item.Source ?? '')?.[1] ?? '';
