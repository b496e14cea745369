/** Saved views: of the server where it keeps them (`ux_views`), else of this browser. */
import { path } from '../api/client';
import type { Outcome } from '../api/outcome';
import { ownObjects, session } from '../live/session.svelte';
import { idOf, type SavedView } from './view-names';
import { write } from '../live/write';

const STORED = 'mullion.views';
const MOST = 200;

interface UxView {
  Id: string;
  Description?: string;
  Query?: string;
}

export function serverKeepsViews(): boolean {
  return session.prefixes.includes('ux_views');
}

function ofBrowser(): SavedView[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]');
    return Array.isArray(list) ? (list as SavedView[]).filter((view) => typeof view.query === 'string' && typeof view.title === 'string').map((view) => ({ ...view, mine: true })) : [];
  } catch {
    return [];
  }
}

function keep(list: readonly SavedView[]): void {
  localStorage.setItem(STORED, JSON.stringify(list.slice(0, MOST)));
}

export async function savedViews(): Promise<SavedView[]> {
  if (!serverKeepsViews()) return ofBrowser();
  const found = await ownObjects<UxView>('ux_views', [['limit', String(MOST)]]).catch(() => [] as UxView[]);
  return [...found.filter((view) => view.Query).map((view) => ({ id: view.Id, title: view.Description || view.Id, query: view.Query!, mine: false })), ...ofBrowser()];
}

/** Undefined: kept in this browser. */
export async function saveView(title: string, query: string): Promise<Outcome | undefined> {
  const id = idOf(title);
  if (serverKeepsViews() && !session.lacks({ scope: 'ux_views', action: 'create', specific: '' })) {
    return write({ method: 'POST', target: 'ux_views', body: { Id: id, Description: title, Query: query }, what: `save the view ${title}` });
  }
  keep([{ id, title, query, mine: true }, ...ofBrowser().filter((view) => view.id !== id)]);
  return undefined;
}

export async function forgetView(view: SavedView): Promise<Outcome | undefined> {
  if (!view.mine) return write({ method: 'DELETE', target: path('ux_views', view.id), what: `forget the view ${view.title}` });
  keep(ofBrowser().filter((known) => known.id !== view.id));
  return undefined;
}
