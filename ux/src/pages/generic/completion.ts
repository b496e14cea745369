/** Which values complete an item of the filter field, `NAME=VALUE`, while it is typed. */
import type { TypeInfo } from '../../api/schema';

/** Values and how many have them; or, where each object has its own, those that begin with what is typed. */
export type Wanted = { name: string; begins?: string };

/** Kinds whose values are few enough to be told apart by a person. */
const COUNTED: ReadonlySet<string> = new Set(['string', 'list', 'boolean', 'version']);

/** Undefined: nothing is asked for. Counting values that no two objects share costs a server with a million objects a second. */
export function wantedValues(type: TypeInfo, item: string): Wanted | undefined {
  const equals = item.indexOf('=');
  const name = item.slice(0, Math.max(0, equals));
  const index = Object.hasOwn(type.indexes, name) ? type.indexes[name] : undefined;
  if (!index || !COUNTED.has(index.kind)) return undefined;
  if (!index.unique) return { name };
  const begins = item.slice(equals + 1);
  return index.kind !== 'string' || index.unordered || begins === '' || /[(),]/.test(begins) ? undefined : { name, begins };
}

/** How many are offered at once. */
export const MOST_OFFERED = 12;

/** Values of a field, each once: several endpoints may have objects of one name. */
export const distinctValues = (rows: readonly Record<string, unknown>[], field: string): string[] =>
  [...new Set(rows.map((row) => row[field]))].filter((value): value is string => typeof value === 'string' && value !== '');

/** The field of an object that an index reads, where it is a field of the object itself. */
export const fieldOf = (type: TypeInfo, name: string): string => {
  const path = type.indexes[name]?.path ?? name;
  return path === '@key' ? type.key : path;
};
