/** The entries of the navigation, in their groups; at most eighteen. */
import { en } from '../text/en';

export interface NavEntry {
  id: string;
  label: string;
  href: string;
  keys: string;
}

export interface NavGroup {
  label: string;
  entries: NavEntry[];
}

const entry = (id: string, label: string, path: string, keys = ''): NavEntry => ({ id, label, href: `/ux/${path}`, keys });

export const NAV: readonly NavGroup[] = [
  { label: '', entries: [entry('now', en.nav.now, '', 'g n')] },
  {
    label: en.nav.estate,
    entries: [
      entry('endpoints', en.nav.endpoints, 'endpoints', 'g e'),
      entry('machines', en.nav.machines, 'machines', 'g m'),
      entry('failures', en.nav.failures, 'failures', 'g f'),
      entry('jobs', en.nav.jobs, 'jobs', 'g j'),
    ],
  },
  {
    label: en.nav.change,
    entries: [
      entry('version-sets', en.nav.versionSets, 'version-sets'),
      entry('plan', en.nav.plan, 'plan'),
      entry('rollouts', en.nav.rollouts, 'rollouts', 'g r'),
      entry('catalog', en.nav.catalog, 'catalog', 'g c'),
      entry('files', en.nav.files, 'files'),
    ],
  },
  {
    label: en.nav.build,
    entries: [
      entry('content', en.nav.content, 'content'),
      entry('params', en.nav.params, 'params'),
      entry('objects', en.nav.objects, 'o', 'g o'),
    ],
  },
  {
    label: en.nav.server,
    entries: [
      entry('cluster', en.nav.cluster, 'cluster', 'g h'),
      entry('events', en.nav.events, 'events', 'g v'),
      entry('access', en.nav.access, 'access', 'g u'),
      entry('system', en.nav.system, 'system', 'g s'),
    ],
  },
];

/** Commands that go somewhere. */
export const GO: readonly { id: string; href: string }[] = [...NAV.flatMap((group) => group.entries), { id: 'ledger', href: '/ux/me/ledger' }];

/** The entry whose page a path below /ux/ belongs to. */
export function activeEntry(path: string): string {
  const first = path.split('/')[0] ?? '';
  if (first === 'isos') return 'files';
  return NAV.flatMap((group) => group.entries).find((known) => known.href === `/ux/${first}`)?.id ?? '';
}
