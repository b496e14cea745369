/** The contract's error, and what a 503 of a manager says about the way to the owner. */

export interface Unreachable {
  owner: string;
  hop: string;
  /** RFC 3339; empty when nobody said */
  since: string;
  /** "no": certainly not carried out; "maybe": nobody knows */
  ran: 'no' | 'maybe';
}

export interface Problem {
  status: number;
  type: string;
  model: string;
  key: string;
  messages: string[];
  requestId: string;
  /** what to do about it, where the page knows */
  advice?: string;
  unreachable?: Unreachable;
}

/** A request that the server refused, or that got no answer (status 0). */
export class RequestError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.messages.join('\n') || `HTTP ${problem.status}`);
    this.name = 'RequestError';
  }
}

type HeaderReader = { get(name: string): string | null };

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** `OWNER;hop=H;since=T;ran=no`. */
export function parseUnreachable(header: string): Unreachable | undefined {
  const [owner, ...rest] = header.split(';').map((part) => part.trim());
  if (!owner) return undefined;
  const said = new Map(rest.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  return {
    owner,
    hop: said.get('hop') ?? '',
    since: said.get('since') ?? '',
    ran: said.get('ran') === 'no' ? 'no' : 'maybe',
  };
}

/** Servers without the header say it in a sentence; this is the one place that reads it. */
function ranBySentence(messages: string[]): 'no' | 'maybe' {
  return messages.some((message) => /may have been carried out/i.test(message)) ? 'maybe' : 'no';
}

/** What a refusal says, whatever its body looks like: proxies answer HTML, HEAD has no body. */
export function problemFrom(status: number, headers: HeaderReader, body: string): Problem {
  let said: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (parsed !== null && typeof parsed === 'object') said = parsed as Record<string, unknown>;
  } catch {
    // no JSON: the headers may still say something
  }
  const fallback = headers.get('X-Mullion-Error')?.split('; ') ?? [];
  const messages = texts(said['Messages']).length > 0 ? texts(said['Messages']) : fallback;
  const problem: Problem = {
    status,
    type: text(said['Type']),
    model: text(said['Model']),
    key: text(said['Key']),
    messages: messages.length > 0 ? messages : [`The server answered ${status} without saying why.`],
    requestId: headers.get('X-Request-Id') ?? headers.get('X-Log-Request') ?? '',
  };
  if (status !== 503) return problem;
  const header = parseUnreachable(headers.get('X-Mullion-Unreachable') ?? '');
  problem.unreachable = header ?? { owner: '', hop: '', since: '', ran: ranBySentence(problem.messages) };
  return problem;
}

/** A connection that broke, or never came about. */
export function noAnswer(why: string): Problem {
  return { status: 0, type: '', model: '', key: '', messages: [why], requestId: '' };
}

/** The field a message is about, when it names one: messages begin with it or quote it. */
export function fieldAtFault(problem: Problem, fields: readonly string[]): string | undefined {
  const words = problem.messages.join(' ');
  const pointer = /\/([A-Za-z][A-Za-z0-9]*)/.exec(words)?.[1];
  if (pointer && fields.includes(pointer)) return pointer;
  return fields.find((field) => new RegExp(`\\b${field}\\b`, 'i').test(words));
}
