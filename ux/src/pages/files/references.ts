/** Who names a file of this server: version sets that put it, boot environments that use it. Pure. */

export interface Naming {
  kind: 'version_sets' | 'bootenvs' | 'catalog_items';
  key: string;
  how: string;
}

interface SetFiles {
  Id: string;
  Files?: { Path?: string; Source?: string }[] | null;
}
interface Env {
  Name: string;
  OS?: { IsoFile?: string; SupportedArchitectures?: Record<string, { IsoFile?: string }> | null } | null;
}
interface Item {
  Id: string;
  Source?: string;
}

/** Path ("files/a", "isos/b.iso") -> who names it. */
export function namingsOf(sets: readonly SetFiles[], envs: readonly Env[], items: readonly Item[]): Map<string, Naming[]> {
  const found = new Map<string, Naming[]>();
  const add = (path: string, naming: Naming) => found.set(path, [...(found.get(path) ?? []), naming]);
  for (const set of sets) {
    for (const file of set.Files ?? []) {
      const source = /^self:\/\/(.+)$/.exec(file.Source ?? '')?.[1];
      if (source) add(source, { kind: 'version_sets', key: set.Id, how: `puts it as ${file.Path ?? source}` });
    }
  }
  for (const env of envs) {
    const isos = new Set([env.OS?.IsoFile, ...Object.values(env.OS?.SupportedArchitectures ?? {}).map((arch) => arch.IsoFile)].filter((name): name is string => Boolean(name)));
    for (const iso of isos) add(`isos/${iso}`, { kind: 'bootenvs', key: env.Name, how: 'installs from it' });
  }
  for (const item of items) {
    const path = /(?:^self:\/\/|:\/\/[^/]+\/)(files\/.+)$/.exec(item.Source ?? '')?.[1];
    if (path) add(path, { kind: 'catalog_items', key: item.Id, how: 'is this file' });
  }
  return found;
}

/** Those of everything below a folder. */
export function namingsBelow(folder: string, namings: ReadonlyMap<string, readonly Naming[]>): number {
  let count = 0;
  for (const [path, known] of namings) if (path.startsWith(folder)) count += known.length;
  return count;
}

/** Folders first, each in the order of people. */
export function sortedNames(names: readonly string[]): string[] {
  const folder = (name: string) => (name.endsWith('/') ? 0 : 1);
  return [...names].sort((a, b) => folder(a) - folder(b) || a.localeCompare(b, 'en', { numeric: true }));
}
