/** All catalogs joined, as version words are resolved with them. */
import { RequestError } from '../api/errors';
import type { CatalogItem } from '../api/types';
import { api, ownObjects, session } from './session.svelte';

export interface Joined {
  items: CatalogItem[];
  problems: string[];
}

interface Shown {
  sections: { catalog_items?: Record<string, CatalogItem> };
  problems?: string[];
}

/** Throws RequestError. Who may not ask the manager sees the items of this server's own collection. */
export async function joinedCatalog(): Promise<Joined> {
  if (session.lacks({ scope: 'plugins', action: 'action:showCatalog', specific: 'manager' })) return ownItems();
  try {
    const shown = (await api.request<Shown>('POST', 'plugins/manager/actions/showCatalog', { body: {} })).body;
    return { items: Object.values(shown.sections.catalog_items ?? {}), problems: shown.problems ?? [] };
  } catch (failure) {
    if (!(failure instanceof RequestError) || ![403, 404].includes(failure.problem.status)) throw failure;
    return ownItems();
  }
}

async function ownItems(): Promise<Joined> {
  return { items: await ownObjects<CatalogItem>('catalog_items', [['limit', '10000']]), problems: [] };
}
