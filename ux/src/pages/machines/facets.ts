/** Facets: what a click on a value does to the filters, and what the filters say about a value. */
import { formatValue, parseValue, withFilter, type Query } from '../../api/filters';

export const FACETS = ['Endpoint', 'Stage', 'Workflow', 'BootEnv', 'Pool', 'Profiles', 'Arch', 'OS', 'JobState', 'Runnable', 'Available', 'Locked'] as const;

/** in: only these; out: not these; none: the filters say nothing of it */
export type Said = 'in' | 'out' | 'none';

const current = (query: Query, name: string) => {
  const filter = query.filters.find((known) => known.name === name);
  return filter && parseValue(filter.value);
};

export function saidOf(query: Query, name: string, value: string): Said {
  const filter = current(query, name);
  if (!filter || !filter.args.includes(value)) return 'none';
  if (filter.op === 'Eq' || filter.op === 'In') return 'in';
  return filter.op === 'Ne' || filter.op === 'Nin' ? 'out' : 'none';
}

/** Commas separate the arguments of `In`: such a value stands alone. */
const alone = (value: string): boolean => value.includes(',');

/** Adds a value to what is shown, or leaves it out; what it was said to be already is taken back. */
export function toggled(query: Query, name: string, value: string, exclude: boolean): Query {
  const filter = current(query, name);
  const [one, many] = exclude ? (['Ne', 'Nin'] as const) : (['Eq', 'In'] as const);
  const same = filter && (filter.op === one || filter.op === many);
  const old = same && !alone(value) && !filter.args.some(alone) ? filter.args : [];
  const args = old.includes(value) || (same && filter.args.includes(value)) ? old.filter((known) => known !== value) : [...old, value];
  if (args.length === 0) return { ...query, filters: query.filters.filter((known) => known.name !== name) };
  return withFilter(query, { name, value: formatValue(args.length === 1 ? one : many, args) });
}

/** The filters without those of a facet: what its own counts are asked with. */
export function without(pairs: readonly (readonly [string, string])[], name: string): [string, string][] {
  return pairs.filter(([known]) => known !== name && known !== 'sort' && known !== 'reverse').map(([known, value]) => [known, value]);
}
