/** From the schema to a form, and from a changed form to a patch: pure, tested. */
import type { FieldInfo, TypeInfo } from '../api/schema';

export type Widget = 'text' | 'long' | 'number' | 'switch' | 'choice' | 'reference' | 'texts' | 'references' | 'json';

/** The widget that edits a field. */
export function widgetOf(field: FieldInfo): Widget {
  if (field.enum && field.kind === 'string') return 'choice';
  if (field.kind === 'boolean') return 'switch';
  if (field.kind === 'integer' || field.kind === 'number') return 'number';
  if (field.kind === 'list of string' || field.kind === 'list of uuid') return field.to ? 'references' : 'texts';
  if (field.kind.startsWith('list') || field.kind.startsWith('map') || /^[A-Z]/.test(field.kind) || field.kind === 'any') return 'json';
  if (field.name === 'Documentation' || field.name === 'Contents') return 'long';
  return field.to ? 'reference' : 'text';
}

/** what objects that get their key from the server cannot be made without */
const INSTEAD_OF_KEY: Record<string, string> = { machines: 'Name', jobs: 'Machine' };

/** Whether an object cannot be made without the field; `required` of the schema only says that answers always have it. */
export const mustBeGiven = (type: TypeInfo, field: FieldInfo): boolean => field.name === (INSTEAD_OF_KEY[type.prefix] ?? type.key);

/** Who keeps a field that no form offers, and what it means. */
export const noteOf = (field: FieldInfo): string => [...(field.kept ? [`kept ${field.kept}`] : []), ...(field.note ? [field.note] : [])].join('; ');

/** Fields kept by the server: shown beside the form, not in it. */
export const BOOKKEEPING = new Set(['CreatedAt', 'CreatedBy', 'LastModifiedAt', 'LastModifiedBy', 'Validated', 'Available', 'Errors', 'ReadOnly', 'Endpoint', 'Bundle', 'Partial']);

export interface Section {
  title: string;
  fields: FieldInfo[];
}

/** Fields in the order of the schema: what one writes first, then structures, then what others keep. */
export function sections(type: TypeInfo, isNew: boolean): Section[] {
  const own = type.fields.filter((field) => !BOOKKEEPING.has(field.name) && !field.secret && !(isNew && field.readOnly));
  const simple = own.filter((field) => widgetOf(field) !== 'json' && !field.readOnly);
  const structures = own.filter((field) => widgetOf(field) === 'json' && !field.readOnly);
  const kept = own.filter((field) => field.readOnly);
  const key = simple.filter((field) => field.name === type.key || field.name === 'Name' || field.name === 'Description');
  return [
    { title: 'Identity', fields: key },
    { title: 'Settings', fields: simple.filter((field) => !key.includes(field)) },
    { title: 'Structures', fields: structures },
    { title: 'Not set by hand', fields: kept },
  ].filter((section) => section.fields.length > 0);
}

export interface PatchStep {
  op: 'test' | 'replace' | 'add' | 'remove';
  path: string;
  value?: unknown;
}

export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => key in b && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What changes `before` into `after`; each step tests what it replaces, so that nobody's change is overwritten. */
export function patchOf(before: Record<string, unknown>, after: Record<string, unknown>, path = ''): PatchStep[] {
  const steps: PatchStep[] = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const at = `${path}/${escaped(name)}`;
    const was = before[name];
    const is = after[name];
    if (same(was, is)) continue;
    if (!(name in before)) steps.push({ op: 'add', path: at, value: is });
    else if (!(name in after)) steps.push({ op: 'test', path: at, value: was }, { op: 'remove', path: at });
    else if (isMap(was) && isMap(is)) steps.push(...patchOf(was, is, at));
    else steps.push({ op: 'test', path: at, value: was }, { op: 'replace', path: at, value: is });
  }
  return steps;
}

export interface Difference {
  name: string;
  before: unknown;
  yours: unknown;
  theirs: unknown;
}

/** Members that both changed, and differently: those a person must choose for. */
export function conflicts(before: Record<string, unknown>, yours: Record<string, unknown>, theirs: Record<string, unknown>): Difference[] {
  return Object.keys({ ...before, ...yours, ...theirs })
    .filter((name) => !same(before[name], yours[name]) && !same(before[name], theirs[name]) && !same(yours[name], theirs[name]))
    .map((name) => ({ name, before: before[name], yours: yours[name], theirs: theirs[name] }));
}

/** Their object with the members that only you changed; chosen names keep yours. */
export function merged(
  before: Record<string, unknown>,
  yours: Record<string, unknown>,
  theirs: Record<string, unknown>,
  keepMine: ReadonlySet<string>,
): Record<string, unknown> {
  const result = { ...theirs };
  for (const name of Object.keys({ ...before, ...yours })) {
    if (same(before[name], yours[name])) continue;
    if (same(before[name], theirs[name]) || keepMine.has(name)) {
      if (name in yours) result[name] = yours[name];
      else delete result[name];
    }
  }
  return result;
}
