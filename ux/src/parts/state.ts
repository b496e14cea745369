/** One shape and one tone for each state a thing can be in; every page uses these. */
export type StateKind = 'ok' | 'working' | 'behind' | 'dark' | 'failed' | 'paused' | 'restarting' | 'waiting' | 'off';

export const STATES: Record<StateKind, { shape: string; tone: 'ok' | 'warn' | 'bad' | 'stale' | 'pending' | 'plain' }> = {
  ok: { shape: '●', tone: 'ok' },
  working: { shape: '◐', tone: 'pending' },
  behind: { shape: '◌', tone: 'stale' },
  dark: { shape: '◒', tone: 'stale' },
  failed: { shape: '✖', tone: 'bad' },
  paused: { shape: '‖', tone: 'warn' },
  restarting: { shape: '⟳', tone: 'pending' },
  waiting: { shape: '!', tone: 'warn' },
  off: { shape: '○', tone: 'plain' },
};

/** What a word of the API means as a state: job states, connection states, states of rollouts. */
const WORDS: Record<string, StateKind> = {
  finished: 'ok', complete: 'ok', connected: 'ok', ok: 'ok', done: 'ok', free: 'ok', inuse: 'ok',
  running: 'working', created: 'working', updating: 'restarting', incomplete: 'waiting', pending: 'waiting',
  failed: 'failed', error: 'failed', aborted: 'failed', paused: 'paused', unreachable: 'dark', disconnected: 'dark',
};

export function stateOfWord(word: string): StateKind | undefined {
  return WORDS[word.toLowerCase().split(/[\s:,(]/)[0] ?? ''];
}
