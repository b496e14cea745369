/** Reads that open secrets stand in the ledger, too. */
import type { Pairs } from '../api/client';
import { begin, end } from './ledger';
import { api } from './session.svelte';

/** Throws RequestError as `api.get`. The entry never holds the value. */
export async function readNoted<T>(target: string, query: Pairs, what: string): Promise<T> {
  const entry = { time: Date.now(), method: 'GET', target, what, owner: '', commit: '', message: '' };
  const id = await begin({ ...entry, outcome: 'running' });
  try {
    const value = await api.get<T>(target, query);
    await end({ ...entry, id, outcome: 'done' });
    return value;
  } catch (failure) {
    await end({ ...entry, id, outcome: 'refused', message: failure instanceof Error ? failure.message : String(failure) });
    throw failure;
  }
}
