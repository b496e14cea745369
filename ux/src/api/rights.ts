/** What claims allow: the containment rule of the contract. The server stays the judge; this only says it beforehand. */
import { ROUTES } from './schema';

export interface Claim {
  scope: string;
  action: string;
  specific: string;
}

export interface Capabilities {
  Name: string;
  Roles: string[];
  Tenant: string;
  Claims: Claim[];
}

function words(list: string): string[] {
  return list.split(',').map((word) => word.trim());
}

function holds(list: string[], word: string): boolean {
  return list.includes('*') || list.includes(word);
}

/** The action itself and what is above it: `update:/OS/Name` is within `update:/OS` and `update`. */
export function wider(action: string): string[] {
  const colon = action.indexOf(':');
  if (colon < 0) return [action];
  const found = [action];
  let pointer = action.slice(colon + 1);
  while (pointer.lastIndexOf('/') > 0) {
    pointer = pointer.slice(0, pointer.lastIndexOf('/'));
    found.push(action.slice(0, colon + 1) + pointer);
  }
  return [...found, action.slice(0, colon)];
}

function coversSpecific(owned: string[], asked: string): boolean {
  if (asked === '*') return owned.includes('*');
  return owned.includes('*') || owned.includes(asked);
}

/** Whether `owned` covers all that `asked` asks for. */
export function covers(owned: Claim, asked: Claim): boolean {
  const scopes = words(owned.scope);
  const actions = words(owned.action);
  const specifics = words(owned.specific);
  return (
    words(asked.scope).every((scope) => holds(scopes, scope)) &&
    words(asked.action).every((action) => actions.includes('*') || wider(action).some((above) => actions.includes(above))) &&
    words(asked.specific).every((specific) => coversSpecific(specifics, specific))
  );
}

export type May = { yes: true } | { yes: false; needed: Claim };

export function may(claims: readonly Claim[], scope: string, action: string, specific = ''): May {
  const needed = { scope, action, specific };
  return claims.some((claim) => covers(claim, needed)) ? { yes: true } : { yes: false, needed };
}

/** collections whose route refuses whoever may not list them; the others leave out every object that may not be read */
const REFUSED = new Set(['contents', 'files', 'isos', 'preferences']);

/** What opens a whole list: servers do not ask for `list` where they leave out what may not be read. */
export const listClaim = (prefix: string): Claim => (REFUSED.has(prefix) ? { scope: prefix, action: 'list', specific: '' } : { scope: prefix, action: 'get', specific: '*' });

/** Whether a list can show anything. `user`: whose right to the own account, which everybody has and comes last, lists nobody. */
export function listsSome(claims: readonly Claim[], prefix: string, user: string): boolean {
  const own = claims.at(-1);
  const counted = prefix === 'users' && own?.scope === 'users' && own.specific === user ? claims.slice(0, -1) : claims;
  const { action } = listClaim(prefix);
  return counted.some((claim) => holds(words(claim.scope), prefix) && holds(words(claim.action), action));
}

/** Some field may be changed, so that a form is worth opening. */
export function mayUpdateSomething(claims: readonly Claim[], scope: string, specific: string): boolean {
  if (may(claims, scope, 'update', specific).yes) return true;
  return claims.some((claim) => {
    const partly = words(claim.action).some((action) => action.startsWith('update:'));
    return partly && holds(words(claim.scope), scope) && coversSpecific(words(claim.specific), specific);
  });
}

/** The claim a route asks for, its arguments filled in; undefined for routes that are open to everybody. */
export function rightOf(method: string, path: string, words: Record<string, string>): Claim | undefined {
  const route = ROUTES.find((known) => known.path === path && known.methods.includes(method));
  if (!route || route.right === 'public' || route.right === 'authenticated') return undefined;
  const [scope = '', action = '', specific = ''] = route.right
    .split(' ')
    .map((part) => part.replace(/\{(\w+)\}/g, (_, name: string) => words[name] ?? ''));
  return { scope, action, specific };
}

/** `Requires: SCOPE ACTION SPECIFIC` of a 403. */
export function claimOfRefusal(messages: readonly string[]): Claim | undefined {
  for (const message of messages) {
    const match = /Requires: (\S+) (\S+) ?(.*)$/.exec(message);
    if (match) return { scope: match[1]!, action: match[2]!, specific: match[3]! };
  }
  return undefined;
}

/** A claim as it is written: `machines update web-1`. */
export function claimText(claim: Claim): string {
  return [claim.scope, claim.action, claim.specific].filter((part) => part !== '').join(' ');
}

/** Actions whose word alone says little. */
const VERBS: Record<string, string> = {
  '*': 'do everything with',
  password: 'change the password of',
  token: 'make tokens for',
  log: 'read and write logs of',
  actions: 'see the actions of',
  action: 'run any action of',
  getSecure: 'read secrets of',
  updateSecure: 'seal secrets of',
  updateTaskList: 'change the tasks of',
};

function verb(action: string): string {
  const [word = '', rest = ''] = [action.split(':')[0], action.slice(action.indexOf(':') + 1)];
  if (action.includes(':')) return word === 'action' ? `run ${rest} of` : `${word} ${rest} of`;
  return VERBS[action] ?? action;
}

/** `a, b and c`. */
function listed(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** A claim as a sentence: `update machines web-1`, `list and get everything`. */
export function claimSentence(claim: Claim): string {
  const how = listed(words(claim.action).map(verb));
  const all = claim.specific === '*';
  if (words(claim.scope).includes('*')) return all && how === VERBS['*'] ? 'do everything' : `${how} everything${all || claim.specific === '' ? '' : ` called ${claim.specific}`}`;
  const what = listed(words(claim.scope).map((word) => word.replaceAll('_', ' ')));
  return all ? `${how} all ${what}` : [how, what, claim.specific].filter((part) => part !== '').join(' ');
}
