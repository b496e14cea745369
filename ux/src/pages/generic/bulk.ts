/** A change of many objects as the server takes it, and as a command. */
import { parsePairs, shellWord } from '../../api/filters';
import { queryText } from '../../api/client';
import { sizeOf, type Selection } from '../../grid/selection';

export type Kind = 'set' | 'set-params' | 'remove-params' | 'add-profiles' | 'remove-profiles' | 'action' | 'delete';

export interface Wanted {
  kind: Kind;
  /** the field, parameter, profile or action */
  name: string;
  value: unknown;
  concurrency: number;
  stopAfter: number;
  first: number;
  /** owners that are left out */
  leaveOut: readonly string[];
}

export const KINDS: readonly { kind: Kind; label: string; trait?: string }[] = [
  { kind: 'set', label: 'Set a field' },
  { kind: 'set-params', label: 'Set a parameter', trait: 'has_params' },
  { kind: 'remove-params', label: 'Remove a parameter', trait: 'has_params' },
  { kind: 'add-profiles', label: 'Add a profile', trait: 'has_profiles' },
  { kind: 'remove-profiles', label: 'Remove a profile', trait: 'has_profiles' },
  { kind: 'action', label: 'Run an action', trait: 'can_have_actions' },
  { kind: 'delete', label: 'Delete', trait: 'client_delete' },
];

/** Why it cannot be asked yet; empty when it can. */
export function missing(wanted: Wanted): string {
  if (wanted.kind === 'delete') return '';
  if (wanted.name.trim() === '') return { set: 'Choose a field', 'set-params': 'Name a parameter', 'remove-params': 'Name a parameter', 'add-profiles': 'Name a profile', 'remove-profiles': 'Name a profile', action: 'Name an action' }[wanted.kind];
  return wanted.kind === 'set' && wanted.value === undefined ? 'Give it a value' : '';
}

export function operationOf({ kind, name, value }: Wanted): Record<string, unknown> {
  switch (kind) {
    case 'set': return { Kind: kind, Fields: { [name]: value } };
    case 'set-params': return { Kind: kind, Params: { [name]: value } };
    case 'action': return { Kind: kind, Action: name };
    case 'delete': return { Kind: kind };
    default: return { Kind: kind, Names: [name] };
  }
}

/** `OWNER\nKEY` of the grid is `/OWNER/KEY` of the server. */
const keyOf = (name: string): string => (name.includes('\n') ? `/${name.replace('\n', '/')}` : name);
const ownerOf = (name: string): string => (name.includes('\n') ? name.slice(0, name.indexOf('\n')) : '');

export function selectionOf(type: string, selection: Selection, pairs: readonly [string, string][], leaveOut: readonly string[]): Record<string, unknown> {
  if (selection.kind === 'some') return { Type: type, Keys: [...selection.keys].filter((name) => !leaveOut.includes(ownerOf(name))).map(keyOf) };
  const out: [string, string][] = leaveOut.length === 0 ? [] : [['Endpoint', `Nin(${leaveOut.join(',')})`]];
  return { Type: type, Filter: queryText([...pairs, ...out]), Except: [...selection.except].filter((name) => !leaveOut.includes(ownerOf(name))).map(keyOf) };
}

export function bulkOf(id: string, type: string, selection: Selection, pairs: readonly [string, string][], wanted: Wanted): Record<string, unknown> {
  return { Id: id, What: operationOf(wanted), Selection: selectionOf(type, selection, pairs, wanted.leaveOut), Concurrency: wanted.concurrency, StopAfter: wanted.stopAfter, First: wanted.first };
}

export function commandOf(type: string, selection: Selection, pairs: readonly [string, string][], wanted: Wanted): string {
  const chosen = selectionOf(type, selection, pairs, wanted.leaveOut);
  const keys = chosen['Keys'] as string[] | undefined;
  const filters = keys ? [`Key=In(${keys.map((key) => key.split('/').at(-1)).join(',')})`] : parsePairs(String(chosen['Filter'])).map(([name, value]) => `${name}=${value}`);
  const text = typeof wanted.value === 'string' ? wanted.value : JSON.stringify(wanted.value);
  const flags: Record<Kind, string[]> = {
    set: ['--set', `${wanted.name}=${text}`], 'set-params': ['--param', `${wanted.name}=${JSON.stringify(wanted.value)}`], 'remove-params': ['--remove-param', wanted.name],
    'add-profiles': ['--add-profile', wanted.name], 'remove-profiles': ['--remove-profile', wanted.name], action: ['--action', wanted.name], delete: ['--delete'],
  };
  const except = ((chosen['Except'] as string[] | undefined) ?? []).flatMap((key) => ['--except', key]);
  const how = [...(wanted.concurrency === 8 ? [] : ['--concurrency', String(wanted.concurrency)]), ...(wanted.stopAfter > 0 ? ['--stop-after', String(wanted.stopAfter)] : []), ...(wanted.first > 0 ? ['--first', String(wanted.first)] : [])];
  return ['mullion', 'bulk', 'run', type, ...filters, ...flags[wanted.kind], ...except, ...how].map(shellWord).join(' ');
}

// --- preview ------------------------------------------------------------------------------------------------------

export interface OwnerPreview {
  Endpoint: string;
  Count: number;
  InTouch: boolean;
  Judged: number;
  WouldChange: number;
  AlreadySo: number;
  Locked: number;
  NotAllowed: number;
  Gone: number;
}

export interface Preview extends Omit<OwnerPreview, 'Endpoint' | 'InTouch'> {
  Owners: OwnerPreview[];
}

/** Above this the number must be typed. */
export const MANY = 100;
export const SHARE = 0.1;

/** Why the number must be typed; empty where a click is enough. `totals` is all objects of each owner. */
export function mustType(preview: Preview, wanted: Wanted, totals: ReadonlyMap<string, number>): string {
  if (wanted.kind === 'delete') return 'It deletes.';
  if (wanted.kind === 'action') return 'It runs an action.';
  if (wanted.kind === 'set' && wanted.name === 'Workflow') return 'It starts a workflow.';
  if (preview.Count > MANY) return `It is more than ${MANY}.`;
  for (const owner of preview.Owners) {
    const total = totals.get(owner.Endpoint);
    if (total !== undefined && total >= 10 && owner.Count / total > SHARE) return `It is ${Math.round((owner.Count / total) * 100)} % of those of ${owner.Endpoint}.`;
  }
  return '';
}

/** What the preview of another number of objects means: somebody changed something meanwhile. */
export function drifted(preview: Preview, selection: Selection, leaveOut: readonly string[]): boolean {
  return leaveOut.length === 0 && selection.kind === 'query' && preview.Count !== sizeOf(selection);
}

/** A name for the run that sorts by time and is unlikely to exist. */
export function newId(now: Date, random: () => number): string {
  const stamp = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  return `change-${stamp}-${Math.floor(random() * 36 ** 4).toString(36).padStart(4, '0')}`;
}

// --- a run --------------------------------------------------------------------------------------------------------

export const OUTCOMES = ['done', 'already so', 'pending', 'running', 'locked', 'not allowed', 'refused', 'conflict', 'unreachable', 'unknown'] as const;

/** The counts of a run by the words of its items. */
export function countsOf(counts: Record<string, number>): { outcome: (typeof OUTCOMES)[number]; count: number }[] {
  const member: Record<string, string> = { 'already so': 'AlreadySo', 'not allowed': 'NotAllowed' };
  return OUTCOMES.map((outcome) => ({ outcome, count: counts[member[outcome] ?? outcome.replace(/^./, (first) => first.toUpperCase())] ?? 0 }));
}

/** Commands that make sense in a state. */
export function commandsIn(state: string, counts: Record<string, number>): ('start' | 'pause' | 'resume' | 'stop' | 'continue' | 'retry')[] {
  const again = (counts['Refused'] ?? 0) + (counts['NotAllowed'] ?? 0) + (counts['Unreachable'] ?? 0) > 0;
  switch (state) {
    case 'created': case 'previewed': return ['start'];
    case 'freezing': return ['stop'];
    case 'running': return ['pause', 'stop'];
    case 'asking': return ['continue', 'stop'];
    case 'paused': return again ? ['resume', 'retry', 'stop'] : ['resume', 'stop'];
    case 'stopped': return again ? ['resume', 'retry'] : ['resume'];
    case 'failed': case 'done': return again ? ['retry'] : [];
    default: return [];
  }
}

export interface Item {
  Number: number;
  Endpoint: string;
  Key: string;
  Outcome: string;
  Message?: string;
}

/** For spreadsheets: quoted where it must be, and never a formula. */
export function csvOf(items: readonly Item[]): string {
  const cell = (value: unknown): string => {
    const text = String(value ?? '').replace(/^[=+\-@\t\r]/, "'$&");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [['Endpoint', 'Key', 'Outcome', 'Message'], ...items.map((item) => [item.Endpoint, item.Key, item.Outcome, item.Message])].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
