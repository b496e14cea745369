/**
 * Objects of several owners under equal keys: a manager shows its own endpoints and version sets beside those of downstream managers.
 * Where one is chosen, `OWNER/KEY` names one of another owner whose key is not the only one. Pure.
 */
export interface Owned {
  Id: string;
  /** the owner; absent or empty: the server that answered */
  Endpoint?: string;
}

export const ownerOf = (object: Owned, here: string): string => object.Endpoint || here;

/** Owner and key as one word, for maps. */
export const ownedKey = (owner: string, id: string): string => `${owner}/${id}`;

/** One for each key, as plans and rollouts take them: this server's own before those of others. */
export function eachOnce<T extends Owned>(objects: readonly T[], here: string): T[] {
  const found = new Map<string, T>();
  for (const object of objects) {
    const known = found.get(object.Id);
    if (!known || (ownerOf(known, here) !== here && ownerOf(object, here) === here)) found.set(object.Id, object);
  }
  return [...found.values()];
}

/** Keys that more than one owner has, with the owners that do not count. */
export function hiddenOwners(objects: readonly Owned[], here: string): Map<string, string[]> {
  const counts = new Map(eachOnce(objects, here).map((object) => [object.Id, ownerOf(object, here)]));
  const hidden = new Map<string, string[]>();
  for (const object of objects) {
    const owner = ownerOf(object, here);
    if (owner !== counts.get(object.Id)) hidden.set(object.Id, [...(hidden.get(object.Id) ?? []), owner]);
  }
  return hidden;
}

/** What each object is chosen by: its key, and where that would mean another one its owner and its key. */
export function choicesOf(objects: readonly Owned[], here: string): string[] {
  const hidden = hiddenOwners(objects, here);
  return objects.map((object) => (hidden.get(object.Id)?.includes(ownerOf(object, here)) ? ownedKey(ownerOf(object, here), object.Id) : object.Id));
}

/** Owner ('' for whoever comes first) and key of a choice. */
export function parseChoice(choice: string): { owner: string; id: string } {
  const slash = choice.indexOf('/');
  return { owner: choice.slice(0, Math.max(0, slash)), id: choice.slice(slash + 1) };
}
