/** Parameters as rows: which apply to an object, where each value comes from, and the widget that edits it. Pure. */
import type { Param } from '../api/types';

export type ParamWidget = 'text' | 'number' | 'switch' | 'choice' | 'texts' | 'numbers' | 'choices' | 'yaml';

interface SchemaParts {
  type?: unknown;
  enum?: unknown[];
  items?: SchemaParts;
  minimum?: number;
  maximum?: number;
  default?: unknown;
}

export function schemaOf(param: Param | undefined): SchemaParts {
  const schema = param?.Schema;
  return typeof schema === 'object' && schema !== null && !Array.isArray(schema) ? (schema as SchemaParts) : {};
}

const isNumeric = (type: unknown) => type === 'integer' || type === 'number';
const plain = (value: unknown) => typeof value === 'string' || typeof value === 'number';

/** Seven kinds of schemas have a widget; everything else is written as YAML. */
export function widgetOfSchema(schema: SchemaParts): ParamWidget {
  if (schema.enum) return schema.enum.length > 0 && schema.enum.every(plain) ? 'choice' : 'yaml';
  if (schema.type === 'boolean') return 'switch';
  if (isNumeric(schema.type)) return 'number';
  if (schema.type === 'string') return 'text';
  if (schema.type !== 'array' || !schema.items) return 'yaml';
  if (schema.items.enum) return schema.items.enum.every((value) => typeof value === 'string') ? 'choices' : 'yaml';
  if (schema.items.type === 'string') return 'texts';
  return isNumeric(schema.items.type) ? 'numbers' : 'yaml';
}

/** What editing begins with when nothing is set. */
export function emptyValue(schema: SchemaParts): unknown {
  if ('default' in schema) return schema.default;
  const widget = widgetOfSchema(schema);
  if (widget === 'switch') return false;
  if (widget === 'number') return schema.minimum ?? 0;
  if (widget === 'choice') return schema.enum?.[0];
  if (widget === 'texts' || widget === 'numbers' || widget === 'choices') return [];
  if (widget === 'text') return '';
  return schema.type === 'array' ? [] : {};
}

/** The documented hints of packs. */
export interface Hints {
  title: string;
  icon: string;
  colour: string;
  /** written by tasks, not by people */
  readonly: boolean;
  /** typed unseen; `showable`: may be shown while typing */
  password: '' | 'yes' | 'showable';
  copyable: boolean;
  render: string;
}

export function hintsOf(param: Param | undefined): Hints {
  const meta = (param?.Meta ?? {}) as Record<string, string>;
  const yes = (name: string) => ['yes', 'true'].includes((meta[name] ?? '').toLowerCase());
  const password = (meta['password'] ?? '').toLowerCase();
  return {
    title: meta['title'] ?? '',
    icon: meta['icon'] ?? '',
    colour: meta['color'] ?? '',
    readonly: yes('readonly'),
    password: password === 'showable' ? 'showable' : yes('password') ? 'yes' : '',
    copyable: yes('clipboard'),
    render: (meta['render'] ?? '').toLowerCase(),
  };
}

/** A place values come from, nearest first. */
export interface Level {
  kind: 'own' | 'profile' | 'stage' | 'global';
  name: string;
  params: Record<string, unknown>;
}

export interface ParamRow {
  name: string;
  value: unknown;
  from: Level['kind'] | 'default' | 'unset';
  /** name of the profile or stage */
  fromName: string;
  /** places further away that say something, too */
  shadows: string[];
  param: Param | undefined;
  pack: string;
}

export function levelWord(level: Pick<Level, 'kind' | 'name'>): string {
  return level.kind === 'own' ? 'own' : level.kind === 'global' ? 'global' : `${level.kind} ${level.name}`;
}

/** Every parameter that is declared or set, with the value that counts. */
export function rowsOf(levels: readonly Level[], declared: readonly Param[]): ParamRow[] {
  const params = new Map(declared.map((param) => [param.Name, param]));
  const names = new Set([...params.keys(), ...levels.flatMap((level) => Object.keys(level.params))]);
  return [...names].sort().map((name) => {
    const param = params.get(name);
    const holding = levels.filter((level) => name in level.params);
    const nearest = holding[0];
    const pack = param ? String(param.Bundle ?? '') || 'made here' : 'not declared';
    const shadows = holding.slice(1).map(levelWord);
    if (nearest) return { name, value: nearest.params[name], from: nearest.kind, fromName: nearest.name, shadows, param, pack };
    const schema = schemaOf(param);
    return 'default' in schema
      ? { name, value: schema.default, from: 'default', fromName: '', shadows, param, pack }
      : { name, value: undefined, from: 'unset', fromName: '', shadows, param, pack };
  });
}

/** Which rows are shown: those that are set, all, or those that fit what is typed. */
export function shownRows(rows: readonly ParamRow[], typed: string, all: boolean): ParamRow[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows.filter((row) => all || (row.from !== 'default' && row.from !== 'unset'));
  return rows.filter((row) => words.every((word) => row.name.toLowerCase().includes(word) || (row.param?.Description ?? '').toLowerCase().includes(word)));
}

export function byPack(rows: readonly ParamRow[]): { pack: string; rows: ParamRow[] }[] {
  const groups = new Map<string, ParamRow[]>();
  for (const row of rows) groups.set(row.pack, [...(groups.get(row.pack) ?? []), row]);
  return [...groups].sort(([a], [b]) => a.localeCompare(b)).map(([pack, members]) => ({ pack, rows: members }));
}

/** What a list needs to say of something at length. */
export function firstSentence(text: string): string {
  const [line = ''] = text.trim().split(/\n\s*\n/);
  const flat = line.replace(/\s+/g, ' ').trim();
  return /^.*?[.!?](?=\s|$)/.exec(flat)?.[0] ?? flat;
}

const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** The patch of the map of own parameters; it tests what was seen. `undefined` takes the value away. */
export function paramPatch(name: string, own: Record<string, unknown>, value: unknown): { op: string; path: string; value?: unknown }[] {
  const path = `/${escaped(name)}`;
  if (!(name in own)) return [{ op: 'add', path, value }];
  const test = { op: 'test', path, value: own[name] };
  return value === undefined ? [test, { op: 'remove', path }] : [test, { op: 'replace', path, value }];
}

/** `3 entries`, `"text"`: a value in one line. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  const text = JSON.stringify(value);
  if (text.length <= 90) return text;
  return Array.isArray(value) ? `list of ${value.length}` : `map of ${Object.keys(value).length}`;
}

/** A link that may be followed from a value: only of the web. */
export function webLink(value: unknown): string {
  return typeof value === 'string' && /^https?:\/\/[^\s]+$/i.test(value) ? value : '';
}
