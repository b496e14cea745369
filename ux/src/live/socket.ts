/** The websocket: registrations by pattern, counted; reconnects by itself. Knows nothing of views. */
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
  opened(again: boolean): void;
  event(event: LiveEvent): void;
  closed(code: number): void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** the server closes connections that read too slowly, or whose login ended, with this code */
export const POLICY_CLOSE = 1008;

/** Values inside a pattern: `.`, `,` and `*` mean something there. */
export function escapePattern(text: string): string {
  return text.replaceAll('.', '\\1').replaceAll(',', '\\2').replaceAll('*', '\\3');
}

export class EventSocket {
  private socket: SocketLike | undefined;
  private open = false;
  private wanted = false;
  private wasOpen = false;
  private pause = FIRST_PAUSE_MS;
  private cancelRetry: (() => void) | undefined;
  private readonly patterns = new Map<string, number>();

  constructor(
    private readonly connect: () => SocketLike,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly listener: SocketEvents,
  ) {}

  get registrations(): number {
    return this.patterns.size;
  }

  get isOpen(): boolean {
    return this.open;
  }

  start(): void {
    this.wanted = true;
    if (!this.socket && !this.cancelRetry) this.dial();
  }

  stop(): void {
    this.wanted = false;
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    const socket = this.socket;
    this.socket = undefined;
    this.open = false;
    this.wasOpen = false;
    socket?.close();
  }

  /** Sends a frame as it is; false when there is no connection. */
  say(text: string): boolean {
    if (!this.open) return false;
    this.socket!.send(text);
    return true;
  }

  register(pattern: string): void {
    const users = (this.patterns.get(pattern) ?? 0) + 1;
    this.patterns.set(pattern, users);
    if (users === 1) this.say(`register ${pattern}`);
  }

  deregister(pattern: string): void {
    const users = (this.patterns.get(pattern) ?? 0) - 1;
    if (users > 0) {
      this.patterns.set(pattern, users);
      return;
    }
    if (this.patterns.delete(pattern)) this.say(`deregister ${pattern}`);
  }

  private dial(): void {
    const socket = this.connect();
    this.socket = socket;
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.open = true;
      this.pause = FIRST_PAUSE_MS;
      for (const pattern of this.patterns.keys()) socket.send(`register ${pattern}`);
      const again = this.wasOpen;
      this.wasOpen = true;
      this.listener.opened(again);
    };
    socket.onmessage = (message) => {
      if (socket !== this.socket || typeof message.data !== 'string') return;
      let event: LiveEvent;
      try {
        event = JSON.parse(message.data) as LiveEvent;
      } catch {
        return;
      }
      if (event.Type !== 'websocket') this.listener.event(event);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.socket) return;
      this.socket = undefined;
      this.open = false;
      this.listener.closed(code);
      if (this.wanted) this.retry();
    };
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
