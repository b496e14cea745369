/** Columns of a list: which there are, which are shown, how wide; in the address as `_cols=Name,Stage:200`. */
import type { TypeInfo } from '../api/schema';

export interface Column {
  name: string;
  label: string;
  /** pixels; 0 takes what is left */
  width: number;
  /** whether the server can sort by it */
  sortable: boolean;
  /** why not, when not */
  why: '' | 'unordered' | 'no index';
  align: 'left' | 'right';
}

const WIDTHS: Record<string, number> = { boolean: 92, integer: 88, number: 88, time: 168, uuid: 268, ip: 124, cidr: 140, bytes: 96 };
const NEVER_SHOWN = new Set(['Validated', 'Partial', 'Errors', 'Meta', 'Params', 'CreatedAt', 'CreatedBy', 'LastModifiedBy', 'Documentation', 'Bundle', 'ReadOnly']);
const NAMED: Record<string, number> = { Name: 240, State: 200, Connection: 168, Compliance: 184, Age: 132, Change: 320, Machines: 88, Problem: 280 };
const LONG = /^(Description|Documentation)$/;
export const NARROWEST = 56;
const NARROWEST_FLEXIBLE = 220;
/** a name is short: further away from it what stands beside it would be hard to follow */
const WIDEST_NAME = 560;

/** Pixels of the column that takes what is left, `left`: a text takes all of it, a name so much that its row stays together. */
export function flexibleWidth(column: Pick<Column, 'name'>, left: number, scale: number): number {
  const most = LONG.test(column.name) ? Infinity : WIDEST_NAME * scale;
  return Math.max(NARROWEST_FLEXIBLE * scale, Math.min(left, most));
}

/** Columns that can be had: every field of one value, and every index that is one. */
export function availableColumns(type: TypeInfo): Column[] {
  const names = new Set<string>();
  if (type.traits.includes('has_endpoint')) names.add('Endpoint');
  names.add(type.key);
  for (const field of type.fields) if (!field.secret) names.add(field.name);
  return [...names].map((name) => columnOf(name, type));
}

export function columnOf(name: string, type: TypeInfo): Column {
  const field = type.fields.find((known) => known.name === name);
  const index = type.indexes[name];
  const kind = field?.kind ?? index?.kind ?? 'string';
  return {
    name,
    label: name,
    width: LONG.test(name) ? 0 : (NAMED[name] ?? WIDTHS[kind] ?? 152),
    sortable: index !== undefined && !index.unordered,
    why: index === undefined ? 'no index' : index.unordered ? 'unordered' : '',
    align: kind === 'integer' || kind === 'number' || kind === 'bytes' ? 'right' : 'left',
  };
}

const SIMPLE = /^(string|ip|time|bytes|version|integer|number|boolean)$/;

/** The name, the owner and the first simple fields that have an index. */
export function defaultColumns(type: TypeInfo, most = 8): string[] {
  const shown: string[] = [];
  const name = type.fields.some((field) => field.name === 'Name') ? 'Name' : type.key;
  shown.push(name);
  if (type.traits.includes('has_endpoint')) shown.push('Endpoint');
  for (const field of type.fields) {
    if (shown.length >= most) break;
    const fits = SIMPLE.test(field.kind) && field.name in type.indexes && !field.secret;
    if (fits && !NEVER_SHOWN.has(field.name) && !shown.includes(field.name) && field.name !== type.key && field.name !== 'LastModifiedAt') shown.push(field.name);
  }
  if (type.fields.some((field) => field.name === 'LastModifiedAt')) shown.push('LastModifiedAt');
  return shown;
}

export interface Chosen {
  name: string;
  width?: number;
}

export function parseColumns(text: string): Chosen[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^(.*):(\d+)$/.exec(part);
      return match ? { name: match[1]!, width: Math.max(NARROWEST, Number(match[2])) } : { name: part };
    });
}

export function formatColumns(chosen: readonly Chosen[]): string {
  return chosen.map(({ name, width }) => (width === undefined ? name : `${name}:${width}`)).join(',');
}

export function columnsOf(type: TypeInfo, text: string, usual: readonly string[] = defaultColumns(type)): Column[] {
  const chosen = text === '' ? usual.map((name) => ({ name }) as Chosen) : parseColumns(text);
  const columns = chosen.map(({ name, width }) => ({ ...columnOf(name, type), ...(width === undefined ? {} : { width }) }));
  // One column takes what is left: without a long one it is the first.
  if (columns.length > 0 && !columns.some((column) => column.width === 0)) {
    const last = columns.findIndex((column) => column.align === 'left');
    columns[Math.max(0, last)]!.width = chosen[Math.max(0, last)]!.width ?? 0;
  }
  return columns;
}

export function moved<T>(list: readonly T[], from: number, by: number): T[] {
  const to = Math.min(list.length - 1, Math.max(0, from + by));
  const next = [...list];
  const [item] = next.splice(from, 1);
  next.splice(to, 0, item!);
  return next;
}
