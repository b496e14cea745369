/** Whether what was written at an owner is in the copy that this server shows. Pure. */
import { GENERIC, TYPES } from '../api/schema';

type Body = Record<string, unknown>;

export interface Place {
  prefix: string;
  key: string;
  owner: string;
}

const asBody = (value: unknown): Body | undefined => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Body) : undefined);

/** The object that a write was about: by its address, or by what a creation answered. Undefined for what is no object. */
export function placeOf(target: string, owner: string, answer: unknown): Place | undefined {
  const [prefix = '', key = ''] = target.replace(/^\/[^/]+\/api\/v3\//, '').split('/').map(decodeURIComponent);
  if (!/^[a-z_]+$/.test(prefix)) return undefined;
  const made = asBody(answer)?.[(TYPES[prefix] ?? GENERIC).key];
  const found = typeof made === 'string' ? made : key;
  return found === '' ? undefined : { prefix, key: found, owner };
}

const modified = (body: Body | undefined): number => Date.parse(String(body?.['LastModifiedAt'] ?? ''));

/**
 * Whether an object, as it is shown now, has the write whose answer is given. An answer that is not the object itself (a parameter, the
 * outcome of an action) tells no time: then any news of the object since is taken for it, and what is read says nothing.
 */
export function hasArrived(shown: unknown, answer: unknown, news: boolean): boolean {
  const [is, wanted] = [modified(asBody(shown)), modified(asBody(answer))];
  return Number.isNaN(wanted) || Number.isNaN(is) ? news : is >= wanted;
}
