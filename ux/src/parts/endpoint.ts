/**
 * What the facts about an endpoint mean, in words: one set of functions for every page, so that no two pages disagree.
 * An endpoint's object says how its own manager reaches it. What is above that manager decides whether this is still known.
 */
import { duration } from '../text/en';
import type { StateKind } from './state';

export interface Endpoint {
  id: string;
  /** the server that manages it */
  manager: string;
  /** Connecting | Updating | Connected | Lost | Error | Disabled; empty: nobody said */
  connection: string;
  reason: string;
  /** since when, RFC 3339; empty when nobody said */
  since: string;
  version: string;
  sets: string[];
  apply: boolean;
  available: boolean;
  /** what stands in the way of its plan, and what failed */
  errors: string[];
  /** lines of its plan */
  actions: number;
  failedActions: number;
  /** no plan is made for it */
  unmanaged: boolean;
  description: string;
  configuredBy: string;
  /** where its manager reaches it; empty where that is not told */
  url: string;
}

/** Members of an Endpoint object that `endpointOf` reads: what a list asks for. */
export const ENDPOINT_FIELDS = [
  'Id', 'Endpoint', 'ConnectionStatus', 'ConnectionSince', 'DRPVersion', 'VersionSet', 'VersionSets', 'Apply', 'Available', 'Errors',
  'Actions.Type', 'ActionErrorCount', 'VersionSetsDisabled', 'Description', 'Meta.mullion/configured-by', 'Params.manager/url',
];

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : []);

export function endpointOf(body: Record<string, unknown>): Endpoint {
  const status = text(body['ConnectionStatus']);
  const colon = status.indexOf(': ');
  const meta = (body['Meta'] ?? {}) as Record<string, unknown>;
  const sets = texts(body['VersionSets']);
  const single = text(body['VersionSet']);
  return {
    id: text(body['Id']),
    manager: text(body['Endpoint']),
    connection: colon < 0 ? status : status.slice(0, colon),
    reason: colon < 0 ? '' : status.slice(colon + 2),
    since: text(body['ConnectionSince']),
    version: text(body['DRPVersion']),
    sets: single !== '' && !sets.includes(single) ? [...sets, single] : sets,
    apply: body['Apply'] === true,
    available: body['Available'] !== false,
    errors: texts(body['Errors']),
    actions: Array.isArray(body['Actions']) ? body['Actions'].length : 0,
    failedActions: Number(body['ActionErrorCount'] ?? 0),
    unmanaged: body['VersionSetsDisabled'] === true,
    description: text(body['Description']),
    configuredBy: text(meta['mullion/configured-by']),
    url: text(((body['Params'] ?? {}) as Record<string, unknown>)['manager/url']),
  };
}

/** The interface that a server has itself, at the address by which its manager reaches it; empty where that is none. */
export function ownInterface(url: string, path = ''): string {
  try {
    const { protocol, origin } = new URL(url);
    return protocol === 'https:' ? `${origin}/ux/${path}` : '';
  } catch {
    return '';
  }
}

// --- state --------------------------------------------------------------------------------------------------------

/** How an endpoint is reached. `word` is what people read, `id` what addresses say (`_state=dark`). */
export type Touch = 'touch' | 'updating' | 'connecting' | 'dark' | 'behind' | 'certificate' | 'login' | 'error' | 'off';

export interface EndpointState {
  touch: Touch;
  kind: StateKind;
  word: string;
  /** why, in the server's words */
  why: string;
  since: string;
  /** the endpoint at fault: itself, or one above */
  cause: string;
  /** it stays so until somebody does something */
  person: boolean;
}

export const TOUCHES: Record<Touch, { kind: StateKind; word: string; person?: true }> = {
  touch: { kind: 'ok', word: 'in touch' },
  updating: { kind: 'working', word: 'catching up' },
  connecting: { kind: 'working', word: 'connecting' },
  dark: { kind: 'dark', word: 'dark' },
  behind: { kind: 'behind', word: 'behind' },
  certificate: { kind: 'waiting', word: 'certificate changed', person: true },
  login: { kind: 'failed', word: 'login refused', person: true },
  error: { kind: 'failed', word: 'error', person: true },
  off: { kind: 'off', word: 'not followed' },
};

const OFFERED = /certificate fingerprint changed: expected ([0-9a-f]{64}), got ([0-9a-f]{64})/;

function ownTouch(endpoint: Endpoint): Touch {
  switch (endpoint.connection) {
    case 'Connected': return 'touch';
    case 'Updating': return 'updating';
    case 'Connecting': return 'connecting';
    case 'Lost': return 'dark';
    case 'Error': return OFFERED.test(endpoint.reason) ? 'certificate' : /login refused/.test(endpoint.reason) ? 'login' : 'error';
    default: return 'off';
  }
}

const REACHED: ReadonlySet<Touch> = new Set(['touch', 'updating']);

/** Whether facts about it arrive at present. */
export const isReached = (touch: Touch): boolean => REACHED.has(touch);

/** `above` is the managers between here and it, the nearest to here first. */
export function stateOf(endpoint: Endpoint, above: readonly Endpoint[] = []): EndpointState {
  const broken = above.find((manager) => !REACHED.has(ownTouch(manager)));
  const at = broken ?? endpoint;
  const own = ownTouch(at);
  const touch = broken ? 'behind' : own;
  const { kind, word, person } = TOUCHES[touch];
  return { touch, kind, word: broken ? `behind ${broken.id}` : word, why: at.reason, since: at.since, cause: at.id, person: !broken && person === true };
}

/** Both certificates of an endpoint that shows another one than the known. */
export function changedCertificate(endpoint: Pick<Endpoint, 'reason'>): { known: string; shown: string } | undefined {
  const match = OFFERED.exec(endpoint.reason);
  return match ? { known: match[1]!, shown: match[2]! } : undefined;
}

/** The certificate that a server showed when another one was asked for. */
export function shownCertificate(messages: readonly string[]): string | undefined {
  for (const message of messages) {
    const match = OFFERED.exec(message);
    if (match) return match[2]!;
  }
  return undefined;
}

/** In groups of four, for comparing by eye. */
export const fingerprintGroups = (fingerprint: string): string[] => fingerprint.match(/.{1,4}/g) ?? [];

/** As it is stored: what people paste has colons and capitals. */
export const spelledFingerprint = (pasted: string): string => pasted.replace(/^sha-?256\W*(fingerprint\W*)?/i, '').replace(/[:\s]/g, '').toLowerCase();

// --- does it have what it should? ----------------------------------------------------------------------------------

export type Compliance = 'declared' | 'todo' | 'stopped' | 'unplanned' | 'unset' | 'unmanaged';

export interface ComplianceState {
  id: Compliance;
  kind: StateKind;
  word: string;
  why: string;
}

export function complianceOf(endpoint: Endpoint): ComplianceState {
  const first = endpoint.errors[0] ?? '';
  if (endpoint.unmanaged) return { id: 'unmanaged', kind: 'off', word: 'not managed', why: 'No plan is made for it (VersionSetsDisabled)' };
  if (endpoint.sets.length === 0 && endpoint.actions === 0) return { id: 'unset', kind: 'off', word: 'no sets', why: '' };
  if (endpoint.failedActions > 0) return { id: 'stopped', kind: 'failed', word: `stopped, ${endpoint.failedActions} failed`, why: first };
  if (endpoint.errors.length > 0) return { id: 'unplanned', kind: 'waiting', word: 'cannot be planned', why: first };
  if (endpoint.actions > 0) return { id: 'todo', kind: endpoint.apply ? 'working' : 'paused', word: endpoint.apply ? `${endpoint.actions} to do` : `${endpoint.actions} to do, not applied`, why: endpoint.apply ? '' : 'Apply is off' };
  return { id: 'declared', kind: 'ok', word: 'as declared', why: '' };
}

// --- the tree -----------------------------------------------------------------------------------------------------

export interface Node {
  endpoint: Endpoint;
  state: EndpointState;
  compliance: ComplianceState;
  depth: number;
  children: Node[];
  /** of all below it */
  below: number;
  belowOut: number;
  /** what is worst below it: shown while it is folded */
  worst: Node | undefined;
}

const WEIGHT: Record<Touch, number> = { touch: 0, off: 1, updating: 2, connecting: 3, behind: 4, dark: 6, error: 7, login: 8, certificate: 9 };
const COMPLIANCE_WEIGHT: Record<Compliance, number> = { declared: 0, unset: 0, unmanaged: 0, todo: 1, unplanned: 2, stopped: 3 };
const weight = (node: Node): number => WEIGHT[node.state.touch] * 10 + COMPLIANCE_WEIGHT[node.compliance.id];

/**
 * Endpoints below `self`, each once: of several ways to one the best counts. `heard` says when one that is not in touch was
 * heard last: its connection's state begins anew with every try.
 */
export function arrange(endpoints: readonly Endpoint[], self: string, heard: (id: string) => string | undefined = () => undefined): Node[] {
  const byManager = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) byManager.set(endpoint.manager, [...(byManager.get(endpoint.manager) ?? []), endpoint]);
  const best = new Map<string, { endpoint: Endpoint; above: Endpoint[]; out: boolean }>();
  // Level by level, so that a cycle ends and the shortest way that is in touch wins.
  let level: { manager: string; above: Endpoint[] }[] = [{ manager: self, above: [] }];
  const walked = new Set<string>();
  while (level.length > 0) {
    const next: typeof level = [];
    for (const { manager, above } of level) {
      if (walked.has(manager)) continue;
      walked.add(manager);
      for (const endpoint of byManager.get(manager) ?? []) {
        if (endpoint.id === self || above.some((known) => known.id === endpoint.id)) continue;
        const out = !isReached(stateOf(endpoint, above).touch);
        const known = best.get(endpoint.id);
        if (known && (!known.out || out)) continue;
        best.set(endpoint.id, { endpoint, above, out });
        next.push({ manager: endpoint.id, above: [...above, endpoint] });
      }
    }
    level = next;
  }
  const nodes = new Map<string, Node>();
  const stateSince = (state: EndpointState): EndpointState => (isReached(state.touch) ? state : { ...state, since: heard(state.cause) ?? state.since });
  for (const { endpoint, above } of best.values())
    nodes.set(endpoint.id, { endpoint, state: stateSince(stateOf(endpoint, above)), compliance: complianceOf(endpoint), depth: above.length, children: [], below: 0, belowOut: 0, worst: undefined });
  const roots: Node[] = [];
  for (const node of nodes.values()) (nodes.get(node.endpoint.manager)?.children ?? roots).push(node);
  const sort = (list: Node[]) => list.sort((a, b) => a.endpoint.id.localeCompare(b.endpoint.id, 'en', { numeric: true }));
  const roll = (node: Node): void => {
    for (const child of sort(node.children)) {
      roll(child);
      node.below += 1 + child.below;
      node.belowOut += (isReached(child.state.touch) ? 0 : 1) + child.belowOut;
      for (const candidate of [child, child.worst]) if (candidate && weight(candidate) > (node.worst ? weight(node.worst) : 0)) node.worst = candidate;
    }
  };
  sort(roots).forEach(roll);
  return roots;
}

/** All nodes, parents before children. */
export function flatten(nodes: readonly Node[]): Node[] {
  return nodes.flatMap((node) => [node, ...flatten(node.children)]);
}

/** Rows of a tree whose open nodes are given; of a node with very many children the first `most` are drawn. */
export type TreeRow = { kind: 'node'; node: Node; open: boolean; position: number; size: number } | { kind: 'rest'; manager: string; depth: number; count: number };

export function treeRows(nodes: readonly Node[], open: (node: Node) => boolean, most: number): TreeRow[] {
  const shown = nodes.slice(0, most);
  const rows = shown.flatMap((node, at): TreeRow[] => {
    const unfolded = node.children.length > 0 && open(node);
    return [{ kind: 'node', node, open: unfolded, position: at + 1, size: nodes.length }, ...(unfolded ? treeRows(node.children, open, most) : [])];
  });
  const first = nodes[0];
  if (first && nodes.length > most) rows.push({ kind: 'rest', manager: first.endpoint.manager, depth: first.depth, count: nodes.length - most });
  return rows;
}

/** Only what fits, with the managers above it. */
export function pruned(nodes: readonly Node[], fits: (node: Node) => boolean): Node[] {
  return nodes.flatMap((node) => {
    const children = pruned(node.children, fits);
    return children.length > 0 || fits(node) ? [{ ...node, children }] : [];
  });
}

// --- causes collapse effects ---------------------------------------------------------------------------------------

export interface Cause {
  node: Node;
  /** endpoints that are not reached for this one reason, without itself */
  below: number;
}

/** Why endpoints are out of touch: one entry a reason, those with the most below first. */
export function causesOf(nodes: readonly Node[]): Cause[] {
  const causes = flatten(nodes)
    .filter((node) => node.state.cause === node.endpoint.id && ['dark', 'certificate', 'login', 'error'].includes(node.state.touch))
    .map((node) => ({ node, below: node.below }));
  return causes.sort((a, b) => b.below - a.below || weight(b.node) - weight(a.node) || a.node.endpoint.id.localeCompare(b.node.endpoint.id));
}

/** Values with how many have them, most first. */
export function tally<T>(values: readonly T[]): [T, number][] {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

// --- the way ------------------------------------------------------------------------------------------------------

export interface Connection {
  Endpoint: string;
  InTouch: boolean;
  Reason: string;
  Age?: number;
  /** the manager on the way that does not tell how old its own copy is */
  AgeUntoldBy?: string;
  NextHop: string;
  Hops: string[] | null;
  StandBy: string[] | null;
  Lag?: number;
  /** seconds; absent where it is not attached here */
  ClockAhead?: number;
  ForwardSeconds?: number;
}

/** The age of an owner that is in touch, in words; empty where none is known. */
export function ageText(way: Connection | undefined): string {
  if (way?.Age === undefined || !way.InTouch) return '';
  const age = `${way.Age.toFixed(1)} s${way.Lag ? `, ${way.Lag} commits behind` : ''}`;
  return way.AgeUntoldBy ? `at least ${age}: ${way.AgeUntoldBy} does not tell how old its own copy is` : age;
}

/** Clocks that are a second apart may be so by the dates of answers alone. */
const CLOCKS_APART = 1;

/** How far the clock of an endpoint that is in touch is from this server's, in words; empty where they agree or nobody knows. */
export function clockText(way: Connection | undefined): string {
  const ahead = way?.InTouch ? (way.ClockAhead ?? 0) : 0;
  if (Math.abs(ahead) <= CLOCKS_APART) return '';
  return `${duration(Math.abs(ahead))} ${ahead > 0 ? 'ahead' : 'behind'}`;
}

/** ages of an endpoint that are kept: some minutes */
const MOST_AGES = 20;

/** What was known of ages with what is told now, oldest first; an endpoint that is not in touch has no age to draw. */
export function agesWith(known: ReadonlyMap<string, readonly number[]>, told: readonly Connection[]): Map<string, number[]> {
  return new Map(told.flatMap(({ Endpoint: id, InTouch: inTouch, Age: age }) => (inTouch && age !== undefined ? [[id, [...(known.get(id) ?? []), Math.round(age * 10) / 10].slice(-MOST_AGES)] as const] : [])));
}

export interface Hop {
  id: string;
  /** ok: passed; broken: here it ends; unknown: behind the break */
  state: 'ok' | 'broken' | 'unknown';
  why: string;
  since: string;
}

/** From here to an endpoint, and where it breaks. `node` finds what is known of an endpoint. */
export function routeOf(id: string, self: string, node: (id: string) => Node | undefined): Hop[] {
  const chain: string[] = [];
  for (let at: string | undefined = id; at !== undefined && at !== self && !chain.includes(at); at = node(at)?.endpoint.manager) chain.unshift(at);
  let broken = false;
  return [self, ...chain].map((hop): Hop => {
    if (hop === self) return { id: hop, state: 'ok', why: '', since: '' };
    const known = node(hop);
    if (broken || !known) return { id: hop, state: 'unknown', why: '', since: '' };
    if (isReached(known.state.touch)) return { id: hop, state: 'ok', why: '', since: '' };
    broken = true;
    return { id: hop, state: 'broken', why: known.state.why, since: known.state.since };
  });
}
