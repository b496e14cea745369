/** The scope of the bar, `_at=A` in the address, as a filter of the API. */
import type { Query } from '../api/filters';
import { GENERIC, TYPES } from '../api/schema';

/** What is asked beside the filters of the address: nothing where the person filters by endpoint himself. */
export function scopePairs(query: Query, prefix: string): [string, string][] {
  const at = query.own['_at'] ?? '';
  if (at === '' || query.filters.some((filter) => filter.name === 'Endpoint')) return [];
  const type = TYPES[prefix] ?? GENERIC;
  if (prefix === 'endpoints') return [['Id', `In(${at})`]];
  return 'Endpoint' in type.indexes ? [['Endpoint', `In(${at})`]] : [];
}
