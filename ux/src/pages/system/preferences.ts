/** What each preference does: name, what it is without being set, and what may be written. */

export interface Preference {
  name: string;
  usual: string;
  says: string;
  /** words to choose from */
  words?: readonly string[];
  /** the collection whose names it holds */
  to?: string;
  group: 'What machines get' | 'Jobs' | 'Logins' | 'Log' | 'Server';
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'panic', 'audit'] as const;
const level = (name: string, says: string): Preference => ({ name, usual: 'warn', says, words: LEVELS, group: 'Log' });

export const PREFERENCES: readonly Preference[] = [
  { name: 'defaultBootEnv', usual: 'local', says: 'What a new machine boots when nobody says', to: 'bootenvs', group: 'What machines get' },
  { name: 'defaultStage', usual: 'none', says: 'The stage of a new machine', to: 'stages', group: 'What machines get' },
  { name: 'defaultWorkflow', usual: '', says: 'The workflow of a new machine; empty: none', to: 'workflows', group: 'What machines get' },
  { name: 'unknownBootEnv', usual: 'ignore', says: 'What an unknown machine boots', to: 'bootenvs', group: 'What machines get' },
  { name: 'jobsToKeep', usual: '0', says: 'So many jobs of each machine stay; 0: all', group: 'Jobs' },
  { name: 'completeJobsPurgedAfter', usual: 'never', says: 'When finished jobs go: an age such as 30d or 12h, or never', group: 'Jobs' },
  { name: 'failedJobsPurgedAfter', usual: 'never', says: 'When failed jobs go', group: 'Jobs' },
  { name: 'knownTokenTimeout', usual: '3600', says: 'How long the token of a known machine is valid, in seconds', group: 'Logins' },
  { name: 'unknownTokenTimeout', usual: '600', says: 'How long the token of an unknown machine is valid, in seconds', group: 'Logins' },
  level('logLevel', 'What is written into the log: this and worse'),
  level('debugBootEnv', 'The same, about boot environments'),
  level('debugDhcp', 'The same, about addresses'),
  level('debugFrontend', 'The same, about requests'),
  level('debugPlugins', 'The same, about plugins'),
  level('debugRenderer', 'The same, about templates'),
  { name: 'manager', usual: 'false', says: 'Whether this server attaches and manages endpoints', words: ['true', 'false'], group: 'Server' },
];

/** Never shown, whatever a server sends. */
export const SECRETS = new Set(['baseTokenSecret', 'systemGrantorSecret']);

export interface Shown extends Preference {
  present: string;
  /** somebody set it */
  isSet: boolean;
  known: boolean;
}

/** All that the server has, those it does not explain here at the end. */
export function shownPreferences(present: Readonly<Record<string, string>>, set: ReadonlySet<string>): Shown[] {
  const named = new Set(PREFERENCES.map((preference) => preference.name));
  const shown = PREFERENCES.filter((preference) => preference.name in present).map((preference) => ({ ...preference, present: present[preference.name]!, isSet: set.has(preference.name), known: true }));
  const others = Object.keys(present).filter((name) => !named.has(name) && !SECRETS.has(name) && !/secret|password/i.test(name));
  return [...shown, ...others.sort().map((name): Shown => ({ name, usual: '', says: 'Of this server, not explained here', group: 'Server', present: present[name]!, isSet: set.has(name), known: false }))];
}
