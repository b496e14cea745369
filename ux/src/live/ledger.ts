/** What this person wrote, and how it ended; kept for a week, so that a crash of the browser does not lose it. */
import type { OutcomeKind } from '../api/outcome';

export interface LedgerEntry {
  id: number;
  /** ms since the epoch */
  time: number;
  method: string;
  target: string;
  what: string;
  outcome: OutcomeKind | 'running';
  owner: string;
  commit: string;
  message: string;
}

const KEEP_MS = 7 * 86400_000;
const STORE = 'writes';

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('mullion-ledger', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id', autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser keeps no database'));
  });
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser keeps no database'));
  });
}

async function inStore<T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await opened();
  try {
    return await done(use(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** Answers the number of the entry. A browser without storage keeps nothing, and the write goes on. */
export async function begin(entry: Omit<LedgerEntry, 'id'>): Promise<number> {
  return inStore('readwrite', (store) => store.add(entry) as IDBRequest<IDBValidKey>).then(Number, () => 0);
}

export async function end(entry: LedgerEntry): Promise<void> {
  if (entry.id !== 0) await inStore('readwrite', (store) => store.put(entry)).catch(() => {});
}

/** Newest first; what is older than a week goes. */
export async function entries(): Promise<LedgerEntry[]> {
  const all = await inStore('readonly', (store) => store.getAll() as IDBRequest<LedgerEntry[]>).catch(() => [] as LedgerEntry[]);
  const limit = Date.now() - KEEP_MS;
  for (const old of all.filter((entry) => entry.time < limit)) {
    await inStore('readwrite', (store) => store.delete(old.id)).catch(() => {});
  }
  return all.filter((entry) => entry.time >= limit).reverse();
}
