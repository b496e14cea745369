/** What waits for a person, whichever page is open. Pure: rows in, lines out. */
import { objectHref } from '../router';

export interface Waits {
  prefix: 'rollouts' | 'bulks';
  key: string;
  /** empty: this server */
  owner: string;
  state: string;
  reason: string;
}

/** States in which nothing goes on before somebody says so. What ended badly waits for nobody: Now tells of it. */
export const WAITING_STATES: Record<Waits['prefix'], string> = { rollouts: 'Eq(paused)', bulks: 'In(asking,paused)' };

const WORDS: Record<Waits['prefix'], string> = { rollouts: 'Rollout', bulks: 'Change of many' };

/** One entry of the flag. */
export function waitingLine({ prefix, key, owner, state, reason }: Waits): { label: string; href: string } {
  const what = `${WORDS[prefix]} ${key}${owner === '' ? '' : ` of ${owner}`}`;
  return { label: `${what} ${state === 'asking' ? 'asks whether to go on' : `is ${state}`}${reason === '' ? '' : `: ${reason}`}`, href: objectHref(prefix, key, owner) };
}

/** A title that says in the tab's name how many wait. */
export const titleWith = (count: number, title: string): string => (count > 0 ? `(${count}) ${title}` : title);
