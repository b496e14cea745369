/** The scope of the bar as a filter of the API: `_at=A`, `_at=A,B`, `_at=R2/*` for a manager and all below it. */
import { parseValue, toSearch, type Query } from '../api/filters';
import { GENERIC, TYPES } from '../api/schema';
import { below } from './below.svelte';

const ALL_BELOW = '/*';

/** The ids that a scope means; what is below a manager is not known at first: then it is the manager alone. */
export function scopeIds(at: string, belowOf: (manager: string) => readonly string[] | undefined): string[] {
  const ids = at.split(',').map((part) => part.trim()).filter((part) => part !== '');
  return [...new Set(ids.flatMap((id) => (id.endsWith(ALL_BELOW) ? (belowOf(id.slice(0, -ALL_BELOW.length)) ?? [id.slice(0, -ALL_BELOW.length)]) : [id])))];
}

/** The managers of a scope whose endpoints must be asked for. */
export function managersOf(at: string): string[] {
  return at.split(',').filter((part) => part.endsWith(ALL_BELOW)).map((part) => part.slice(0, -ALL_BELOW.length));
}

/** As people read it. */
export function scopeLabel(at: string): string {
  const parts = at.split(',');
  const one = (part: string) => (part.endsWith(ALL_BELOW) ? `${part.slice(0, -ALL_BELOW.length)} and below` : part);
  return parts.length <= 2 ? parts.map(one).join(', ') : `${one(parts[0]!)} and ${parts.length - 1} more`;
}

/** The one endpoint that a list is narrowed to, by its filters or by the scope; empty when there is none or are several. */
export function onlyOwner(query: Query): string {
  const filter = query.filters.find((known) => known.name === 'Endpoint')?.value;
  const { op, args } = filter === undefined ? { op: 'In', args: (query.own['_at'] ?? '').split(',') } : parseValue(filter);
  const [only = ''] = args;
  return args.length === 1 && (op === 'Eq' || op === 'In') && !only.endsWith(ALL_BELOW) ? only.trim() : '';
}

/** The same list at its owner: what narrows it to the owner is not needed there. */
export function searchThere(query: Query): string {
  return toSearch({ ...query, filters: query.filters.filter((filter) => filter.name !== 'Endpoint'), own: { ...query.own, _at: '', _open: '', _max: '' } });
}

/** What is asked beside the filters of the address: nothing where the person filters by endpoint himself. */
export function scopePairs(query: Query, prefix: string): [string, string][] {
  const at = query.own['_at'] ?? '';
  if (at === '' || query.filters.some((filter) => filter.name === 'Endpoint')) return [];
  const ids = scopeIds(at, (manager) => below.of(manager)).join(',');
  const type = TYPES[prefix] ?? GENERIC;
  if (prefix === 'endpoints') return [['Id', `In(${ids})`]];
  return 'Endpoint' in type.indexes ? [['Endpoint', `In(${ids})`]] : [];
}

/** Pages that the scope does not narrow, by the first part of their path: what they show instead. */
const UNSCOPED: Record<string, 'server' | 'all'> = {
  content: 'server', files: 'server', isos: 'server', logs: 'server', system: 'server', 'plugin-providers': 'server',
  '': 'all', events: 'all', catalog: 'all', rollouts: 'all', 'version-sets': 'all',
};

/** Said above such a page; empty where the scope holds. */
export function scopeMissed(path: string, at: string, server: string): string {
  const shown = at === '' ? undefined : UNSCOPED[path.split('/')[0] ?? ''];
  if (!shown) return '';
  return `The scope ${scopeLabel(at)} does not narrow this page: it is about ${shown === 'server' ? `${server} itself` : 'everything'}.`;
}
