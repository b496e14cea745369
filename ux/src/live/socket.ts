/**
 * The websocket: registrations by pattern, counted; reconnects by itself, and goes on where it was where the server remembers
 * that (docs/events.md, `resume`). Knows nothing of views.
 */
import type { LiveEvent } from './protocol';

export interface SocketLike {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface Clock {
  now(): number;
  after(ms: number, run: () => void): () => void;
}

export interface SocketEvents {
  /** Everything is registered. `missed`: something may have happened since the last connection that was not told. */
  opened(missed: boolean): void;
  event(event: LiveEvent): void;
  closed(code: number): void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** how old the place of a reader that hears nothing may grow before it asks for the one of now */
const PLACE_MS = 30_000;
/** the server closes connections that read too slowly, or whose login ended, with this code */
export const POLICY_CLOSE = 1008;

/** Values inside a pattern: `.`, `,` and `*` mean something there. */
export function escapePattern(text: string): string {
  return text.replaceAll('.', '\\1').replaceAll(',', '\\2').replaceAll('*', '\\3');
}

/** What the server acknowledges a command with; a place is a text that nobody here looks into. */
type Told = LiveEvent & { Cursor?: string };

export class EventSocket {
  private socket: SocketLike | undefined;
  private wanted = false;
  /** there was a connection before, or one was tried: what happened since is to be had from `place` */
  private behind = false;
  private pause = FIRST_PAUSE_MS;
  private cancelRetry: (() => void) | undefined;
  private cancelPlace: (() => void) | undefined;
  private readonly patterns = new Map<string, number>();
  /** `greeting`: what was missed is on its way, or the news that it cannot be had */
  private phase: 'closed' | 'greeting' | 'open' = 'closed';
  /** behind the last change that was told; empty: the next connection cannot go on */
  private place = '';
  private heardAt = 0;
  /** what the last `resume` of this connection was to register */
  private begun: readonly string[] | undefined;
  /** registered since then */
  private readonly since = new Set<string>();
  private missed = false;

  /** `resumes`: whether the server knows `resume`. */
  constructor(
    private readonly connect: () => SocketLike,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly listener: SocketEvents,
    private readonly resumes: () => boolean,
  ) {}

  get registrations(): number {
    return this.patterns.size;
  }

  /** Whether everything that happens is heard. */
  get isOpen(): boolean {
    return this.phase === 'open';
  }

  start(): void {
    this.wanted = true;
    if (!this.socket && !this.cancelRetry) this.dial();
  }

  /** The next connection goes on where this one was. */
  stop(): void {
    this.wanted = false;
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    const { socket } = this;
    this.ended();
    socket?.close();
  }

  /** The next connection does not go on: what it would bring is too much, or not for whoever comes next. */
  forgetPlace(): void {
    this.place = '';
  }

  /** Sends a frame as it is; false when there is no connection. */
  say(text: string): boolean {
    if (this.phase === 'closed') return false;
    this.socket!.send(text);
    return true;
  }

  register(pattern: string): void {
    const users = (this.patterns.get(pattern) ?? 0) + 1;
    this.patterns.set(pattern, users);
    if (users > 1 || this.phase === 'closed') return;
    // `resume` comes before any other registration of a connection.
    if (!this.begun && this.patterns.size === 1 && this.resumes()) return this.begin();
    this.since.add(pattern);
    this.say(`register ${pattern}`);
  }

  deregister(pattern: string): void {
    const users = (this.patterns.get(pattern) ?? 0) - 1;
    if (users > 0) {
      this.patterns.set(pattern, users);
      return;
    }
    if (!this.patterns.delete(pattern)) return;
    this.since.delete(pattern);
    this.say(`deregister ${pattern}`);
  }

  private dial(): void {
    const socket = this.connect();
    this.socket = socket;
    socket.onopen = () => {
      if (socket === this.socket) this.greet();
    };
    socket.onmessage = (message) => {
      if (socket !== this.socket || typeof message.data !== 'string') return;
      let event: Told;
      try {
        event = JSON.parse(message.data) as Told;
      } catch {
        return;
      }
      if (event.Type === 'websocket') return this.acknowledged(event);
      this.listener.event(event);
      // Afterwards: what the listener fails at would be told again.
      this.heard(event.Cursor);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.socket) return;
      this.ended();
      this.listener.closed(code);
      if (this.wanted) this.retry();
    };
  }

  private ended(): void {
    this.socket = undefined;
    this.phase = 'closed';
    this.behind = true;
    this.begun = undefined;
    this.since.clear();
    this.cancelPlace?.();
    this.cancelPlace = undefined;
  }

  private greet(): void {
    this.pause = FIRST_PAUSE_MS;
    this.phase = 'greeting';
    const patterns = [...this.patterns.keys()];
    // Who listened to nothing missed nothing.
    if (patterns.length === 0) this.place = '';
    this.missed = this.behind && patterns.length > 0 && (this.place === '' || !this.resumes());
    if (patterns.length > 0 && this.resumes()) return this.begin();
    for (const pattern of patterns) this.say(`register ${pattern}`);
    this.opened();
  }

  /** Goes on from the last place, or from now on. */
  private begin(): void {
    this.begun = [...this.patterns.keys()];
    this.since.clear();
    this.say([this.place === '' ? 'resume' : `resume ${this.place}`, ...this.begun].join('\n'));
  }

  private acknowledged(event: Told): void {
    if (event.Action === 'resume' || event.Action === 'cursor') this.heard((event.Object as { Cursor?: string } | null)?.Cursor);
    if (event.Action === 'error' && event.Key.startsWith('resume')) return this.refused();
    if (event.Action === 'resume' && this.phase === 'greeting') this.opened();
  }

  private refused(): void {
    if (this.place !== '') {
      // Nothing is registered but what came since, and `resume` has to be the first.
      this.place = '';
      this.missed = true;
      for (const pattern of this.since) this.say(`deregister ${pattern}`);
      if (this.patterns.size > 0) return this.begin();
    } else {
      for (const pattern of this.begun ?? []) if (this.patterns.has(pattern) && !this.since.has(pattern)) this.say(`register ${pattern}`);
    }
    if (this.phase === 'greeting') this.opened();
  }

  private opened(): void {
    this.phase = 'open';
    this.askForPlace();
    this.listener.opened(this.missed);
  }

  private heard(place: string | undefined): void {
    if (!place) return;
    this.place = place;
    this.heardAt = this.clock.now();
  }

  /** The place of a reader whose patterns match little would grow older than what the server remembers. */
  private askForPlace(): void {
    this.cancelPlace?.();
    this.cancelPlace = this.clock.after(PLACE_MS, () => {
      if (this.begun && this.clock.now() - this.heardAt >= PLACE_MS) this.say('cursor');
      this.askForPlace();
    });
  }

  /** Pauses grow and are spread, so that a thousand browsers do not come back in the same moment. */
  private retry(): void {
    const pause = this.pause * (0.5 + this.random());
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    this.cancelRetry = this.clock.after(pause, () => {
      this.cancelRetry = undefined;
      if (this.wanted) this.dial();
    });
  }
}
