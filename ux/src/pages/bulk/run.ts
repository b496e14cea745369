/** Words and shapes of a run and of what became of its objects. */
import type { StateKind } from '../../parts/state';
import type { OUTCOMES } from '../generic/bulk';

export const RUN_STATE: Record<string, StateKind> = {
  created: 'off', previewed: 'off', freezing: 'working', running: 'working', asking: 'waiting', paused: 'paused', stopped: 'paused', done: 'ok', failed: 'failed',
};

export const OUTCOME_STATE: Record<(typeof OUTCOMES)[number], StateKind> = {
  done: 'ok', 'already so': 'ok', pending: 'off', running: 'working', locked: 'paused', 'not allowed': 'paused', refused: 'failed', conflict: 'failed', unreachable: 'dark', unknown: 'waiting',
};

type Body = Record<string, unknown>;

const value = (given: unknown): string => (typeof given === 'string' ? given || '""' : JSON.stringify(given));
const members = (given: unknown): string => Object.entries((given ?? {}) as Body).map(([name, entry]) => `${name} = ${value(entry)}`).join(', ');
const steps = (given: unknown): string =>
  (Array.isArray(given) ? (given as Body[]) : []).map((step) => {
    const at = String(step['path'] ?? '').replace(/^\//, '');
    return 'value' in step ? `${step['op'] === 'test' ? 'only where ' : ''}${at} = ${value(step['value'])}` : `${String(step['op'])} ${'from' in step ? `${String(step['from']).replace(/^\//, '')} to ` : ''}${at}`;
  }).join(', ');
const names = (given: unknown): string => (Array.isArray(given) ? given.join(', ') : '');

/** What it does, as a sentence. */
export function whatText(what: Body): string {
  switch (what['Kind']) {
    case 'set': return `Set ${members(what['Fields'])}`;
    case 'set-params': return `Set the parameter ${members(what['Params'])}`;
    case 'remove-params': return `Remove the parameter ${names(what['Names'])}`;
    case 'add-profiles': return `Add the profile ${names(what['Names'])}`;
    case 'remove-profiles': return `Remove the profile ${names(what['Names'])}`;
    case 'action': return `Run ${String(what['Action'] ?? '')}`;
    case 'delete': return 'Delete';
    default: return `Patch ${steps(what['Patch'])}`;
  }
}
