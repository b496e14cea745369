/** Addresses of the interface: one table; each page is loaded when it is first opened. */
import type { Component } from 'svelte';

export interface Params {
  [name: string]: string;
}

export interface PageProps {
  params: Params;
}

export interface Route {
  /** below /ux: `:name` is one segment, `*name` all that remains */
  path: string;
  // A page takes PageProps, or nothing.
  load: () => Promise<{ default: Component<PageProps> | Component<Record<string, never>> }>;
  /** given to the page beside what the address says */
  fixed?: Params;
}

const list = () => import('./pages/generic/ListPage.svelte');
const object = () => import('./pages/generic/ObjectPage.svelte');
const collections = () => import('./pages/generic/Collections.svelte');

/** A page with a folder of its own that is the generic list or object. */
const generic = (path: string, prefix: string): Route[] => [
  { path, load: list, fixed: { prefix } },
  { path: `${path}/new`, load: object, fixed: { prefix, isNew: 'yes' } },
  { path: `${path}/:key`, load: object, fixed: { prefix } },
];

/** Order matters: the first that fits wins. */
export const ROUTES: readonly Route[] = [
  { path: '', load: () => import('./pages/now/Now.svelte') },
  { path: 'endpoints/join', load: () => import('./pages/endpoints/Join.svelte') },
  { path: 'endpoints', load: () => import('./pages/endpoints/Endpoints.svelte') },
  { path: 'endpoints/new', load: object, fixed: { prefix: 'endpoints', isNew: 'yes' } },
  { path: 'endpoints/:key', load: () => import('./pages/endpoints/Endpoint.svelte') },
  { path: 'machines', load: () => import('./pages/machines/Machines.svelte') },
  { path: 'machines/new', load: object, fixed: { prefix: 'machines', isNew: 'yes' } },
  { path: 'machines/:key', load: () => import('./pages/machines/Machine.svelte') },
  { path: 'failures', load: () => import('./pages/failures/Failures.svelte') },
  { path: 'jobs', load: () => import('./pages/jobs/Jobs.svelte') },
  { path: 'jobs/:key', load: () => import('./pages/jobs/Job.svelte') },
  { path: 'version-sets/compare', load: () => import('./pages/version-sets/Compare.svelte') },
  { path: 'version-sets', load: () => import('./pages/version-sets/VersionSets.svelte') },
  { path: 'version-sets/new', load: () => import('./pages/version-sets/Edit.svelte'), fixed: { isNew: 'yes' } },
  { path: 'version-sets/:key', load: () => import('./pages/version-sets/VersionSet.svelte') },
  { path: 'version-sets/:key/edit', load: () => import('./pages/version-sets/Edit.svelte') },
  { path: 'plan', load: () => import('./pages/plan/Plan.svelte') },
  { path: 'rollouts', load: () => import('./pages/rollouts/Rollouts.svelte') },
  { path: 'rollouts/new', load: () => import('./pages/rollouts/New.svelte') },
  { path: 'rollouts/:key', load: () => import('./pages/rollouts/Board.svelte') },
  { path: 'catalog', load: () => import('./pages/catalog/Catalog.svelte') },
  { path: 'catalog/:key', load: () => import('./pages/catalog/Item.svelte') },
  { path: 'files', load: () => import('./pages/files/Files.svelte'), fixed: { store: 'files' } },
  { path: 'files/*path', load: () => import('./pages/files/Files.svelte'), fixed: { store: 'files' } },
  { path: 'isos', load: () => import('./pages/files/Files.svelte'), fixed: { store: 'isos' } },
  { path: 'isos/*path', load: () => import('./pages/files/Files.svelte'), fixed: { store: 'isos' } },
  { path: 'content', load: () => import('./pages/content/Content.svelte') },
  { path: 'content/*path', load: () => import('./pages/content/Content.svelte') },
  { path: 'plugin-providers', load: () => import('./pages/providers/Providers.svelte') },
  { path: 'plugin-providers/:key', load: () => import('./pages/providers/Provider.svelte') },
  ...generic('plugins', 'plugins'),
  { path: 'params', load: () => import('./pages/params/Params.svelte') },
  { path: 'bulk', load: () => import('./pages/bulk/Bulks.svelte') },
  { path: 'params/new', load: object, fixed: { prefix: 'params', isNew: 'yes' } },
  { path: 'params/:key', load: () => import('./pages/params/Param.svelte') },
  { path: 'bulk/:key', load: () => import('./pages/bulk/Bulk.svelte') },
  { path: 'cluster', load: () => import('./pages/cluster/Cluster.svelte') },
  { path: 'events', load: () => import('./pages/events/Events.svelte') },
  { path: 'logs', load: () => import('./pages/events/Logs.svelte') },
  { path: 'access', load: () => import('./pages/access/Access.svelte'), fixed: { what: 'users' } },
  { path: 'access/why', load: () => import('./pages/access/Why.svelte') },
  ...['users', 'roles', 'tenants'].flatMap((prefix): Route[] => [
    { path: `access/${prefix}/new`, load: object, fixed: { prefix, isNew: 'yes' } },
    { path: `access/${prefix}/:key`, load: () => import('./pages/access/One.svelte'), fixed: { prefix } },
  ]),
  { path: 'access/:what', load: () => import('./pages/access/Access.svelte') },
  { path: 'system', load: () => import('./pages/system/System.svelte') },
  { path: 'me', load: () => import('./pages/me/Me.svelte') },
  { path: 'me/ledger', load: () => import('./pages/me/Ledger.svelte') },
  { path: 'o', load: collections },
  { path: 'o/:prefix', load: list },
  { path: 'o/:prefix/new', load: object, fixed: { isNew: 'yes' } },
  { path: 'o/:prefix/:key', load: object },
];

/** Collections that have a page of their own. */
const HOMES: Record<string, string> = {
  bulks: 'bulk',
  endpoints: 'endpoints',
  machines: 'machines',
  jobs: 'jobs',
  version_sets: 'version-sets',
  rollouts: 'rollouts',
  catalog_items: 'catalog',
  plugin_providers: 'plugin-providers',
  plugins: 'plugins',
  params: 'params',
  users: 'access/users',
  roles: 'access/roles',
  tenants: 'access/tenants',
};

export const BASE = '/ux/';

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** The arguments of a path that a pattern fits. */
export function match(pattern: string, path: string): Params | undefined {
  const wanted = pattern === '' ? [] : pattern.split('/');
  const given = path.replace(/^\/+|\/+$/g, '') === '' ? [] : path.replace(/^\/+|\/+$/g, '').split('/');
  const params: Params = {};
  for (let at = 0; at < wanted.length; at++) {
    const part = wanted[at]!;
    if (part.startsWith('*')) {
      const rest = given.slice(at).map(decoded);
      if (rest.length === 0 || rest.includes(undefined)) return undefined;
      params[part.slice(1)] = rest.join('/');
      return params;
    }
    const value = given[at] === undefined ? undefined : decoded(given[at]!);
    if (value === undefined) return undefined;
    if (part.startsWith(':')) params[part.slice(1)] = value;
    else if (part !== value) return undefined;
  }
  return given.length === wanted.length ? params : undefined;
}

/** The route of a path below /ux/, with what the page is given. */
export function resolve(path: string): { route: Route; params: Params } | undefined {
  for (const route of ROUTES) {
    const params = match(route.path, path);
    if (params) return { route, params: { ...params, ...route.fixed } };
  }
  return undefined;
}

/** Address of a collection's list. */
export function listHref(prefix: string, search = ''): string {
  return BASE + (HOMES[prefix] ?? `o/${encodeURIComponent(prefix)}`) + search;
}

/** Address of an object; the owner is named where it is not the server itself. */
export function objectHref(prefix: string, key: string, owner = ''): string {
  return `${listHref(prefix)}/${encodeURIComponent(key)}${owner === '' ? '' : `?owner=${encodeURIComponent(owner)}`}`;
}
