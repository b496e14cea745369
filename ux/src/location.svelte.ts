/** The address as reactive state: pages read their query here and change it here, and nowhere else. */
import { encodeQuery } from './api/client';
import { fromPairs, parsePairs, toSearch, type Query } from './api/filters';
import { BASE } from './router';

class Place {
  /** below /ux/ */
  path = $state(below(location.pathname));
  search = $state(location.search);
  readonly query: Query = $derived(fromPairs(parsePairs(this.search)));
}

function below(pathname: string): string {
  return pathname.startsWith(BASE) ? pathname.slice(BASE.length) : '';
}

export const place = new Place();

let guards: (() => boolean)[] = [];

/** While a form holds something unsaved `leave` is asked; false keeps the page. */
export function guardLeaving(leave: () => boolean): () => void {
  guards.push(leave);
  return () => {
    guards = guards.filter((known) => known !== leave);
  };
}

function read(): void {
  place.path = below(location.pathname);
  place.search = location.search;
}

/** To another page; the scope stays unless the address says another one. */
export function navigate(href: string, replace = false): void {
  const url = new URL(href, location.href);
  const at = place.query.own['_at'] ?? '';
  if (at !== '' && url.origin === location.origin && !url.searchParams.has('_at')) url.search += `${url.search === '' ? '?' : '&'}_at=${encodeQuery(at)}`;
  go(url, replace);
}

function go(url: URL, replace: boolean): void {
  if (url.origin !== location.origin || !url.pathname.startsWith(BASE)) {
    location.assign(url);
    return;
  }
  const leaves = below(url.pathname) !== place.path;
  if (leaves && guards.some((leave) => !leave())) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  read();
  if (leaves) document.querySelector('main')?.scrollTo(0, 0);
}

/** The same page with another query. */
export function setQuery(query: Query, replace = false): void {
  go(new URL(location.pathname + toSearch(query), location.href), replace);
}

/** One parameter of the interface; empty takes it away. */
export function setOwn(name: string, value: string, replace = true): void {
  setQuery({ ...place.query, own: { ...place.query.own, [name]: value } }, replace);
}

/** Links inside of the interface do not load the page again. */
function clicked(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.composedPath().find((node): node is HTMLAnchorElement => node instanceof HTMLAnchorElement);
  if (!link?.href || link.target || link.download || link.origin !== location.origin || !link.pathname.startsWith(BASE)) return;
  event.preventDefault();
  navigate(link.href);
}

export function startLocation(): void {
  window.addEventListener('popstate', read);
  document.addEventListener('click', clicked);
}
