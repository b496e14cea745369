/** What this tab has seen of objects, so that a page of one that is gone can say what it was. Bounded; nothing of it is stored. */

export interface Seen {
  name: string;
  owner: string;
  /** ms of the steady clock */
  at: number;
}

const MOST = 500;
const objects = new Map<string, Seen>();

const nameOf = (prefix: string, key: string): string => `${prefix}\n${key}`;

export function sawObject(prefix: string, key: string, seen: Seen): void {
  const name = nameOf(prefix, key);
  objects.delete(name);
  objects.set(name, seen);
  const [oldest] = objects.keys();
  if (objects.size > MOST && oldest !== undefined) objects.delete(oldest);
}

export function seenObject(prefix: string, key: string): Seen | undefined {
  return objects.get(nameOf(prefix, key));
}
