/** A view is a page with its query; it is kept as `PREFIX?QUERY`, as `ux_views` objects keep it. */
import { TYPES } from '../api/schema';
import { BASE, listHref } from '../router';

export interface SavedView {
  id: string;
  title: string;
  /** `machines?Stage=local&sort=Name`, or the path below /ux/ of a page that is no list */
  query: string;
  /** false: it is of this server, and others see it */
  mine: boolean;
}

/** What is kept of an address: lists by their collection, whatever page shows it. What is open or selected is not of a view. */
export function queryOf(path: string, search: string): string {
  const kept = new URLSearchParams(search);
  for (const name of ['_open', '_tab']) kept.delete(name);
  const prefix = Object.keys(TYPES).find((known) => listHref(known) === BASE + path);
  const text = search.replace(/^\?/, '');
  // The text of the address is kept as it is, unless something had to go.
  const same = [...new URLSearchParams(search)].length === [...kept].length;
  const query = same ? text : kept.toString();
  return `${prefix ?? path}${query ? `?${query}` : ''}`;
}

/** Where a view leads; never out of the interface, whatever somebody kept. */
export function hrefOf(query: string): string {
  const [where = '', ...rest] = query.split('?');
  const search = rest.length > 0 ? `?${rest.join('?')}` : '';
  if (where in TYPES) return listHref(where, search);
  return BASE + where.replace(/^[/\\]+/, '') + search;
}

/** A key for a title: what names may have. */
export function idOf(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60) || 'view';
}
