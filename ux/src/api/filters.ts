/**
 * The URL is the API query is the command: one grammar, three ways to write it.
 * A filter is a name and the value exactly as the server reads it (`In(a,b)`, `false`, `x`); nothing is interpreted twice.
 */
import { encodeQuery, type Pairs } from './client';
import type { TypeInfo } from './schema';

export interface Filter {
  name: string;
  value: string;
}

export interface Query {
  filters: Filter[];
  sort: string;
  reverse: boolean;
  /** plain words: search= */
  search: string;
  /** parameters of the interface, their leading underscore kept; and `sets` */
  own: Record<string, string>;
}

export const OPERATORS = ['Eq', 'Ne', 'Lt', 'Lte', 'Gt', 'Gte', 'Re', 'Between', 'Except', 'In', 'Nin'] as const;
export type Operator = (typeof OPERATORS)[number];

/** Words of the API that a page reads itself, as it does those with an underscore: `plan?sets=A,B`. */
const READ_BY_PAGES = new Set(['sets']);

/** Words of the query that are no filters. */
const RESERVED = new Set(['limit', 'offset', 'slim', 'params', 'decode', 'fields', 'group-by']);

export function emptyQuery(): Query {
  return { filters: [], sort: '', reverse: false, search: '', own: {} };
}

/** Operator and arguments of a value; a plain value is Eq of itself. */
export function parseValue(value: string): { op: Operator; args: string[] } {
  const match = /^([A-Za-z]+)\(([^]*)\)$/.exec(value);
  const op = match && OPERATORS.find((known) => known.toLowerCase() === match[1]!.toLowerCase());
  if (!match || !op) return { op: 'Eq', args: [value] };
  const many = op === 'In' || op === 'Nin' || op === 'Between' || op === 'Except';
  return { op, args: many ? match[2]!.split(',') : [match[2]!] };
}

/** The shortest value that means `op` of `args`. */
export function formatValue(op: Operator, args: readonly string[]): string {
  const plain = args[0] ?? '';
  if (op === 'Eq' && args.length === 1 && parseValue(plain).op === 'Eq' && !/^eq\(/i.test(plain)) return plain;
  return `${op}(${args.join(',')})`;
}

// --- the text of the filter field ---------------------------------------------------------------------------------

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  return text.slice(1, text.endsWith('"') && text.length > 1 ? -1 : undefined).replace(/\\(["\\])/g, '$1');
}

/** Whether a value can stand in the field as it is. */
function isPlain(value: string): boolean {
  if (/^"|[&"\\]/.test(value)) return false;
  let depth = 0;
  for (const character of value) {
    if (character === '(') depth++;
    if (character === ')' && --depth < 0) return false;
    if (/\s/.test(character) && depth === 0) return false;
  }
  return depth === 0;
}

function quoted(value: string): string {
  return isPlain(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** Splits at blanks and `&` outside of quotes and parentheses. */
export function splitItems(text: string): string[] {
  const items: string[] = [];
  let item = '';
  let depth = 0;
  let quote = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote && character === '\\') {
      item += character + (text[++at] ?? '');
      continue;
    }
    if (character === '"' && (quote || item === '' || item.endsWith('='))) quote = !quote;
    else if (!quote && character === '(') depth++;
    else if (!quote && character === ')') depth = Math.max(0, depth - 1);
    if (!quote && depth === 0 && (character === '&' || /\s/.test(character))) {
      if (item) items.push(item);
      item = '';
      continue;
    }
    item += character;
  }
  if (item) items.push(item);
  return items;
}

export interface Typed {
  filters: Filter[];
  search: string;
}

const NAME = /^[^\s&="()]+$/;

/** What a person typed or pasted: filters, and plain words to search for. */
export function parseText(text: string): Typed {
  const filters: Filter[] = [];
  const words: string[] = [];
  for (const item of splitItems(text)) {
    const equals = item.startsWith('"') ? -1 : item.indexOf('=');
    const name = item.slice(0, Math.max(0, equals));
    if (NAME.test(name)) filters.push({ name, value: unquoted(item.slice(equals + 1)) });
    else words.push(unquoted(item));
  }
  return { filters, search: words.join(' ') };
}

export function formatFilter(filter: Filter): string {
  return `${filter.name}=${quoted(filter.value)}`;
}

export function formatText(typed: Typed): string {
  const words = typed.search === '' ? [] : typed.search.split(' ').map((word) => (word.includes('=') || !isPlain(word) ? `"${word.replace(/["\\]/g, '\\$&')}"` : word));
  return [...typed.filters.map(formatFilter), ...words].join(' ');
}

// --- the address --------------------------------------------------------------------------------------------------

/** The pairs of a query string; `+` is a blank, broken escapes stay as they are. */
export function parsePairs(search: string): [string, string][] {
  return [...new URLSearchParams(search)];
}

export function fromPairs(pairs: Pairs): Query {
  const query = emptyQuery();
  for (const [name, value] of pairs) {
    if (name.startsWith('_') || READ_BY_PAGES.has(name)) query.own[name] = value;
    else if (name === 'sort') query.sort = value;
    else if (name === 'reverse') query.reverse = value === 'true';
    else if (name === 'search') query.search = value;
    else if (!RESERVED.has(name) && name !== '') query.filters.push({ name, value });
  }
  return query;
}

/** What the server is asked, without paging. */
export function toPairs(query: Query): [string, string][] {
  const pairs: [string, string][] = query.filters.map((filter) => [filter.name, filter.value]);
  if (query.search) pairs.push(['search', query.search]);
  if (query.sort) pairs.push(['sort', query.sort]);
  if (query.reverse) pairs.push(['reverse', 'true']);
  return pairs;
}

/** What stands behind the `?` of the address; empty for an empty query. */
export function toSearch(query: Query): string {
  const own = Object.entries(query.own).filter(([, value]) => value !== '');
  const pairs = [...toPairs(query), ...own];
  return pairs.length === 0 ? '' : '?' + pairs.map(([name, value]) => `${encodeQuery(name)}=${encodeQuery(value)}`).join('&');
}

// --- the command line ---------------------------------------------------------------------------------------------

/** One argument of a POSIX shell. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function toCli(prefix: string, query: Query): string {
  const words = ['mullion', prefix, 'list', ...query.filters.map((filter) => `${filter.name}=${filter.value}`)];
  if (query.search) words.push(`search=${query.search}`);
  if (query.sort) words.push('--sort', query.sort);
  if (query.reverse) words.push('--reverse');
  return words.map(shellWord).join(' ');
}

export function toCurl(origin: string, prefix: string, query: Query): string {
  const search = toSearch({ ...query, own: {} });
  return `curl -H "Authorization: Bearer $TOKEN" ${shellWord(`${origin}/api/v3/${prefix}${search}`)}`;
}

// --- what a filter is worth ---------------------------------------------------------------------------------------

export type Verdict = { kind: 'good' } | { kind: 'param' } | { kind: 'unknown'; nearest: string[] };

/** Edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

export function nearest(name: string, names: readonly string[]): string[] {
  const scored = names.map((known) => ({ known, score: distance(name.toLowerCase(), known.toLowerCase()) }));
  return scored
    .filter(({ known, score }) => score <= Math.max(2, known.length / 3) || known.toLowerCase().startsWith(name.toLowerCase()))
    .sort((a, b) => a.score - b.score)
    .slice(0, 3)
    .map(({ known }) => known);
}

/** A name that is no index means a parameter where objects carry some; the server does not refuse one nobody has. */
export function judge(filter: Filter, type: TypeInfo, params: ReadonlySet<string>): Verdict {
  if (filter.name in type.indexes) return { kind: 'good' };
  const carries = type.traits.includes('has_params');
  if (carries && (params.has(filter.name) || filter.name.includes('/'))) return { kind: 'param' };
  return { kind: 'unknown', nearest: nearest(filter.name, Object.keys(type.indexes)) };
}

/** The same query with one filter more, changed or gone. */
export function withFilter(query: Query, filter: Filter): Query {
  const others = query.filters.filter((known) => known.name !== filter.name);
  return { ...query, filters: [...others, filter] };
}

export function withoutFilter(query: Query, at: number): Query {
  return { ...query, filters: query.filters.filter((_, index) => index !== at) };
}
