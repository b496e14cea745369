/** What needs a person, in the order of what it costs to ignore. Pure: facts in, lines out. */
import { emptyQuery, toSearch } from '../../api/filters';
import { tally, type Cause, type Node } from '../../parts/endpoint';
import type { StateKind } from '../../parts/state';
import { listHref, objectHref } from '../../router';
import { counted, number } from '../../text/en';

export interface Need {
  id: string;
  kind: StateKind;
  text: string;
  detail: string;
  href: string;
  action: string;
}

export interface Facts {
  /** jobs that failed in the last hour and were not tried again, by task */
  failed: { count: number; tasks: { value: string; count: number }[]; since: string };
  causes: Cause[];
  nodes: Node[];
  /** that are paused or ended badly */
  rollouts: { Id: string; State: string; Reason?: string }[];
  /** that ask or stopped */
  bulks: { Id: string; State: string; Reason?: string }[];
  /** problems of this server */
  errors: string[];
  /** the first password of the first user was never changed */
  firstPassword: boolean;
}

/** Causes with something below them stand alone, up to so many; the others are one line. */
const MOST_CAUSES = 4;

const link = (prefix: string, filters: [string, string][]): string => listHref(prefix, toSearch({ ...emptyQuery(), filters: filters.map(([name, value]) => ({ name, value })) }));

function dark({ node, below }: Cause, since: (time: string) => string): Need {
  const { id } = node.endpoint;
  const when = since(node.state.since);
  return {
    id: `dark ${id}`, kind: 'dark', action: 'Route', href: `${objectHref('endpoints', id)}?_tab=route`,
    text: `${id} is not reachable${when ? ` since ${when}` : ''}${below > 0 ? `; ${counted(below, 'endpoint')} below it ${below === 1 ? 'is' : 'are'} dark for this one reason` : ''}`,
    detail: node.state.why,
  };
}

export function needsOf(facts: Facts, since: (time: string) => string): Need[] {
  const needs: Need[] = [];
  for (const error of facts.errors.slice(0, 3)) needs.push({ id: `server ${error}`, kind: 'failed', text: `This server: ${error}`, detail: '', href: '/ux/system', action: 'System' });

  const { count, tasks } = facts.failed;
  if (count > 0) {
    const worst = tasks.find(({ value }) => value !== '');
    needs.push({ id: 'failed', kind: 'failed', text: `${counted(count, 'machine')} failed in the last hour`, detail: worst ? `${number(worst.count)} of them in task ${worst.value}` : '', href: '/ux/failures?since=1h', action: 'Look into it' });
  }

  const darkOnes = facts.causes.filter(({ node }) => node.state.touch === 'dark');
  const alone = darkOnes.filter(({ below }, at) => (below > 0 || darkOnes.length <= MOST_CAUSES) && at < MOST_CAUSES);
  for (const cause of alone) needs.push(dark(cause, since));
  const others = darkOnes.filter((cause) => !alone.includes(cause));
  if (others.length > 0) {
    const reasons = tally(others.map(({ node }) => node.state.why.replace(/^\S+:\d+: /, '')));
    needs.push({ id: 'dark others', kind: 'dark', text: `${counted(others.length, alone.length > 0 ? 'other endpoint' : 'endpoint')} ${others.length === 1 ? 'is' : 'are'} not reachable`, detail: reasons[0] ? `${number(reasons[0][1])} of them: ${reasons[0][0]}` : '', href: '/ux/endpoints?_state=dark', action: 'Show' });
  }

  for (const { Id, State, Reason } of facts.rollouts) {
    needs.push({ id: `rollout ${Id}`, kind: State === 'paused' ? 'paused' : 'failed', text: `Rollout ${Id} is ${State}`, detail: Reason ?? '', href: objectHref('rollouts', Id), action: 'Board' });
  }
  for (const { Id, State, Reason } of facts.bulks) {
    needs.push({ id: `bulk ${Id}`, kind: State === 'asking' ? 'waiting' : 'paused', text: State === 'asking' ? `${Id}: the first few are done, the rest waits for you` : `${Id} is ${State}`, detail: Reason ?? '', href: objectHref('bulks', Id), action: 'Look' });
  }

  const waiting = (touch: string, text: (many: number) => string) => {
    const nodes = facts.nodes.filter((node) => node.state.touch === touch);
    if (nodes.length === 0) return;
    const [first] = nodes;
    needs.push({ id: touch, kind: 'waiting', text: text(nodes.length), detail: nodes.slice(0, 3).map((node) => node.endpoint.id).join(', '), href: nodes.length === 1 ? objectHref('endpoints', first!.endpoint.id) : `/ux/endpoints?_state=${touch}`, action: 'Review' });
  };
  waiting('certificate', (many) => `${counted(many, 'endpoint')}: certificate changed, waiting for you`);
  waiting('login', (many) => `${counted(many, 'endpoint')} ${many === 1 ? 'refuses' : 'refuse'} the login`);
  waiting('error', (many) => `${counted(many, 'endpoint')} cannot be followed`);

  const stopped = facts.nodes.filter((node) => node.compliance.id === 'stopped');
  if (stopped.length > 0) needs.push({ id: 'stopped', kind: 'failed', text: `${counted(stopped.length, 'endpoint')} stopped: actions failed`, detail: stopped[0]!.compliance.why, href: stopped.length === 1 ? `${objectHref('endpoints', stopped[0]!.endpoint.id)}?_tab=plan` : '/ux/endpoints?_state=stopped', action: 'Plan' });
  const unplanned = facts.nodes.filter((node) => node.compliance.id === 'unplanned' && node.state.kind === 'ok');
  if (unplanned.length > 0) {
    const [reason] = tally(unplanned.map((node) => node.compliance.why));
    needs.push({ id: 'unplanned', kind: 'waiting', text: `${counted(unplanned.length, 'endpoint')} cannot be planned${reason ? `: ${reason[0]}` : ''}`, detail: reason && reason[1] < unplanned.length ? `and ${number(unplanned.length - reason[1])} for other reasons` : '', href: unplanned.length === 1 ? `${objectHref('endpoints', unplanned[0]!.endpoint.id)}?_tab=plan` : '/ux/endpoints?_state=unplanned', action: 'Plan' });
  }
  if (facts.firstPassword) needs.push({ id: 'password', kind: 'waiting', text: 'The first password was never changed', detail: 'rocketskates logs in from this computer only until it is', href: objectHref('users', 'rocketskates'), action: 'Change it' });
  return needs;
}

/** What Now looks at, and what it is about. */
const LOOKED_AT: [string, string][] = [['jobs', 'jobs that failed'], ['endpoints', 'endpoints'], ['rollouts', 'rollouts'], ['bulks', 'changes of many']];

/** Collections of which somebody may see nothing: that nothing of them is here says nothing about them. Empty when all may be seen. */
export function unseen(hides: (prefix: string) => boolean): { prefix: string; text: string } | undefined {
  const hidden = LOOKED_AT.filter(([prefix]) => hides(prefix));
  return hidden[0] && { prefix: hidden[0][0], text: `Not looked at, because you may not see them: ${hidden.map(([, what]) => what).join(', ')}.` };
}

export const failedFilters = (since: string): [string, string][] => [['Current', 'true'], ['State', 'failed'], ['StartTime', `Gte(${since})`]];
export const linkTo = link;

// --- since you were here ------------------------------------------------------------------------------------------

export interface Snapshot {
  /** RFC 3339, by the server's clock */
  time: string;
  machines: number;
  versions: Record<string, string>;
}

export interface Change {
  text: string;
  href: string;
}

export interface SinceFacts {
  machines: number;
  created: number;
  joined: number;
  nodes: readonly Node[];
  sets: { Id: string; LastModifiedBy?: string }[];
}

export function changesSince(before: Snapshot, now: SinceFacts): Change[] {
  const changes: Change[] = [];
  const since: [string, string] = ['CreatedAt', `Gte(${before.time})`];
  if (now.created > 0) changes.push({ text: `+ ${counted(now.created, 'machine')}`, href: link('machines', [since]) });
  const gone = before.machines + now.created - now.machines;
  if (gone > 0) changes.push({ text: `− ${counted(gone, 'machine')}`, href: link('machines', []) });
  if (now.joined > 0) changes.push({ text: `${counted(now.joined, 'endpoint')} joined`, href: link('endpoints', [since]) });
  const upgraded = now.nodes.filter(({ endpoint }) => before.versions[endpoint.id] !== undefined && endpoint.version !== '' && before.versions[endpoint.id] !== endpoint.version);
  for (const { endpoint } of upgraded.slice(0, 3)) changes.push({ text: `${endpoint.id} upgraded to ${endpoint.version}`, href: objectHref('endpoints', endpoint.id) });
  if (upgraded.length > 3) changes.push({ text: `${number(upgraded.length - 3)} more upgraded`, href: '/ux/endpoints' });
  for (const { Id, LastModifiedBy } of now.sets.slice(0, 3)) changes.push({ text: `set ${Id} changed${LastModifiedBy ? ` by ${LastModifiedBy.replace(/^user:/, '')}` : ''}`, href: objectHref('version_sets', Id) });
  if (now.sets.length > 3) changes.push({ text: `${number(now.sets.length - 3)} more sets changed`, href: link('version_sets', [['LastModifiedAt', `Gte(${before.time})`]]) });
  return changes;
}

// --- a new server -------------------------------------------------------------------------------------------------

export interface Step {
  label: string;
  done: boolean;
  href: string;
  action: string;
  command: string;
}

export function checklist(facts: { firstPassword: boolean; manager: boolean; endpoints: number; packs: number; machines: number }): Step[] {
  return [
    { label: 'Change the first password', done: !facts.firstPassword, href: objectHref('users', 'rocketskates'), action: 'Change it', command: 'mullion users password rocketskates -' },
    { label: 'Load content: tasks, workflows and boot environments come in packs', done: facts.packs > 0, href: '/ux/content', action: 'Content', command: 'mullion contents upload FILE' },
    { label: 'Look after other servers, or only after this one', done: facts.manager, href: '/ux/endpoints', action: 'Become a manager', command: 'mullion prefs set manager true' },
    { label: 'Join an endpoint', done: facts.endpoints > 0, href: '/ux/endpoints/join', action: 'Join', command: 'mullion endpoints add https://HOST:PORT USERNAME --password -' },
    { label: 'Create or discover a machine', done: facts.machines > 0, href: '/ux/machines/new', action: 'Create', command: 'mullion machines create \'{"Name": "web-1"}\'' },
  ];
}
