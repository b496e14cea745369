/** Who is logged in, at which server, with which rights. The token is in memory and in this tab's storage only. */
import { basicAuthorization, Client, path, type Answer, type Method, type Options, type Pairs } from '../api/client';
import { RequestError } from '../api/errors';
import { listsSome, may, mayUpdateSomething, type Capabilities, type Claim, type May } from '../api/rights';
import { GENERIC, TYPES, type IndexInfo, type TypeInfo } from '../api/schema';
import type { Info } from '../api/types';
import { idleState, inactivityMinutes } from './inactivity';
import { hearTabs, tellTabs } from './tabs';

const STORED = 'mullion.session';
const TTL_SECONDS = 600;
const RENEW_MS = 300_000;
const IDLE_CHECK_MS = 5000;
/** how often one tab tells the others that it is used */
const TELL_USE_MS = 5000;

/** Empty: nobody. */
export interface Login {
  user: string;
  token: string;
}

export type SessionState = 'anonymous' | 'open' | 'ended';

class Session {
  state = $state<SessionState>('anonymous');
  user = $state('');
  token = $state('');
  info = $state.raw<Info | undefined>(undefined);
  capabilities = $state.raw<Capabilities | undefined>(undefined);
  /** prefixes of all collections of this server */
  prefixes = $state.raw<string[]>([]);
  /** the server's version when this page was loaded: another one later means an interface to load again */
  firstVersion = $state('');
  /** until the login ends for want of use; 0: it is used */
  secondsLeft = $state(0);
  private readonly learnt = new Map<string, TypeInfo>();
  private waiting: (() => void)[] = [];
  private idleCheck: ReturnType<typeof setInterval> | undefined;
  private renewal: ReturnType<typeof setInterval> | undefined;
  replacing = false;
  private refusedMeanwhile = false;
  private lastUse = Date.now();
  private toldUse = 0;

  get features(): string[] {
    return (this.info?.features as string[] | undefined) ?? [];
  }

  /** Takes up the session that this tab had before it was loaded again, or the one that another tab has. */
  async resume(elsewhere: Promise<Login>): Promise<void> {
    hearTabs('used', () => this.usedAnywhere());
    const [kept = '', own = ''] = (sessionStorage.getItem(STORED) ?? '').split('\n');
    const { user, token } = own !== '' ? { user: kept, token: own } : await elsewhere;
    if (user === '' || token === '') return;
    this.user = user;
    this.token = token;
    try {
      await this.opened(await raw.get<Info>('info'));
    } catch {
      this.token = '';
    }
  }

  /** Throws RequestError when the server refuses. */
  async login(user: string, password: string): Promise<void> {
    const answer = await raw.request<{ Token: string; Info: Info }>('GET', path('users', user, 'token'), {
      query: [['ttl', String(TTL_SECONDS)]],
      authorization: basicAuthorization(user, password),
    });
    const other = this.user !== '' && this.user !== user;
    this.user = user;
    this.token = answer.body.Token;
    await this.opened(answer.body.Info);
    // What somebody else had on the screen is not for this person.
    if (other) location.reload();
  }

  logout(): void {
    sessionStorage.removeItem(STORED);
    this.token = '';
    // A page with something unsaved may stay; it has no login then.
    this.ended();
    clearInterval(this.renewal);
    location.assign('/ux/');
  }

  /** A request was answered with 401. */
  ended(): void {
    if (this.replacing) this.refusedMeanwhile = true;
    else if (this.state === 'open') this.state = 'ended';
  }

  /** Runs what ends this login and makes another: what is refused in between is told only if that one is not made. */
  async replace(change: () => Promise<void>): Promise<void> {
    const before = this.token;
    this.replacing = true;
    this.refusedMeanwhile = false;
    try {
      await change();
    } finally {
      this.replacing = false;
      if (this.refusedMeanwhile && this.token === before) this.ended();
      else this.goOn();
    }
  }

  private goOn(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  used(): void {
    const now = Date.now();
    if (now - this.toldUse >= TELL_USE_MS) {
      this.toldUse = now;
      tellTabs('used');
    }
    this.usedAnywhere();
  }

  /** Here or in another tab of this browser: a login that is used in one is used in all. */
  private usedAnywhere(): void {
    this.lastUse = Date.now();
    if (this.secondsLeft !== 0) this.secondsLeft = 0;
  }

  /** What the server is may have changed: after a connection that broke. */
  async refreshInfo(): Promise<void> {
    if (this.state !== 'open') return;
    try {
      this.info = await raw.get<Info>('info');
    } catch {
      // The old one stays; the next connection asks again.
    }
  }

  /** The token goes too: whoever comes to an unused page finds nothing to act with. */
  private checkIdle(): void {
    const idle = idleState(Date.now() - this.lastUse, inactivityMinutes() * 60_000);
    this.secondsLeft = idle.kind === 'warn' ? idle.seconds : 0;
    if (idle.kind !== 'over' || this.state !== 'open') return;
    sessionStorage.removeItem(STORED);
    this.token = '';
    this.ended();
  }

  /** Resolves when somebody is logged in. */
  opening(): Promise<void> {
    return this.state === 'open' ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** As `opening`, for who was refused: while another login is made he waits for that. */
  reopening(): Promise<void> {
    return this.replacing ? new Promise((resolve) => this.waiting.push(resolve)) : this.opening();
  }

  may(scope: string, action: string, specific = ''): May {
    return may(this.capabilities?.Claims ?? [], scope, action, specific);
  }

  /** Whether a control that takes this claim is known not to work; nothing is known before the capabilities are. */
  lacks(claim: Claim): boolean {
    return this.capabilities !== undefined && !may(this.capabilities.Claims ?? [], claim.scope, claim.action, claim.specific).yes;
  }

  /** Whether lists of a collection are empty for want of a right: the server leaves out what somebody may not see. */
  hides(prefix: string): boolean {
    return this.capabilities !== undefined && !listsSome(this.capabilities.Claims ?? [], prefix, this.user);
  }

  mayUpdate(scope: string, specific: string): boolean {
    return mayUpdateSomething(this.capabilities?.Claims ?? [], scope, specific);
  }

  /** The type of a collection; those of plugins are learnt from the server's indexes. */
  async type(prefix: string): Promise<TypeInfo> {
    const known = TYPES[prefix] ?? this.learnt.get(prefix);
    if (known) return known;
    const indexes = await api.get<Record<string, { Type: string; Unordered: boolean; Regex: boolean; Unique: boolean }>>(path('indexes', prefix));
    const shown: Record<string, IndexInfo> = {};
    for (const [name, index] of Object.entries(indexes)) {
      shown[name] = { kind: index.Type === 'boolean' ? 'boolean' : 'string', unordered: index.Unordered, regex: index.Regex, unique: index.Unique };
    }
    const type: TypeInfo = { ...GENERIC, prefix, documentation: `Objects of ${prefix}, a collection that a plugin declares.`, indexes: shown };
    this.learnt.set(prefix, type);
    return type;
  }

  private async opened(info: Info): Promise<void> {
    this.info = info;
    this.firstVersion ||= info.version;
    this.lastUse = Date.now();
    sessionStorage.setItem(STORED, `${this.user}\n${this.token}`);
    const [capabilities, prefixes] = await Promise.all([
      raw.get<Capabilities>(path('users', this.user, 'capabilities')).catch(() => undefined),
      raw.get<string[]>('objects').catch(() => Object.keys(TYPES)),
    ]);
    this.capabilities = capabilities;
    this.prefixes = [...prefixes].sort();
    this.state = 'open';
    clearInterval(this.renewal);
    this.renewal = setInterval(() => void this.renew(), RENEW_MS);
    clearInterval(this.idleCheck);
    this.idleCheck = setInterval(() => this.checkIdle(), IDLE_CHECK_MS);
    this.goOn();
  }

  private async renew(): Promise<void> {
    if (this.state !== 'open') return;
    try {
      const answer = await raw.get<{ Token: string; Info: Info }>(path('users', this.user, 'token'), [['ttl', String(TTL_SECONDS)]]);
      this.token = answer.Token;
      this.info = answer.Info;
      sessionStorage.setItem(STORED, `${this.user}\n${this.token}`);
    } catch {
      // The old token lasts for one more period; a refusal shows with the next request.
    }
  }
}

export const session = new Session();

const raw = new Client(() => session.token);

/** As Client, but a request that finds the login ended waits for the next one and goes on: it was refused unread. */
class PatientClient extends Client {
  override async request<T = unknown>(method: Method, target: string, options: Options = {}): Promise<Answer<T>> {
    await session.opening();
    const used = session.token;
    try {
      return await super.request<T>(method, target, options);
    } catch (failure) {
      if (!(failure instanceof RequestError) || failure.problem.status !== 401 || options.authorization) throw failure;
      // An answer to an earlier login says nothing about the one that somebody has made meanwhile.
      if (session.token === used) session.ended();
      // The write that makes another login does not wait for itself.
      if (session.replacing && method !== 'GET' && method !== 'HEAD') throw failure;
      await session.reopening();
      return super.request<T>(method, target, options);
    }
  }
}

/** The server, for pages: knows the token, outlives the end of a login. */
export const api: Client = new PatientClient(() => session.token);

export type { Pairs };

/** Objects of this server alone: a manager shows those that others have under the same keys beside them. */
export function ownObjects<T>(prefix: string, query: Pairs = []): Promise<T[]> {
  return api.get<T[]>(prefix, [['Endpoint', `Eq(${session.info?.id ?? ''})`], ...query]);
}
