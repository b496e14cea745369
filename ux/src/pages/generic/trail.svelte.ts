/** The list that one came from, so that an object's page can go to the next one. */
import type { Pairs } from '../../api/client';
import { api, session } from '../../live/session.svelte';
import { navigate } from '../../location.svelte';
import { objectHref } from '../../router';

interface Trail {
  href: string;
  prefix: string;
  index: number;
  pairs: Pairs;
}

let trail: Trail | undefined;

export function rememberList(href: string, prefix: string, index: number, pairs: Pairs): void {
  trail = { href, prefix, index, pairs };
}

/** Address of the list, when it was of this collection. */
export function listBefore(prefix: string): string | undefined {
  return trail?.prefix === prefix ? trail.href : undefined;
}

/** Goes to the object `by` places further in that list. */
export async function step(prefix: string, by: number): Promise<void> {
  if (trail?.prefix !== prefix || trail.index + by < 0) return;
  const type = await session.type(prefix);
  const [object] = await api.get<Record<string, unknown>[]>(prefix, [...trail.pairs, ['offset', String(trail.index + by)], ['limit', '1']]);
  if (!object) return;
  trail.index += by;
  navigate(objectHref(prefix, String(object[type.key]), String(object['Endpoint'] ?? '')));
}
