/** For tests: a clock that a test moves, and a websocket whose other end is the test. */
import type { SocketLike } from './socket';

export class FakeClock {
  time = 0;
  private timers: { at: number; run: () => void }[] = [];
  now = () => this.time;
  after = (ms: number, run: () => void) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((known) => known !== timer));
  };
  /** Runs what is due, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.run();
      await settle();
    }
    this.time = end;
    await settle();
  }
}

export const settle = async () => {
  for (let at = 0; at < 20; at++) await Promise.resolve();
};

export class FakeSocket implements SocketLike {
  sent: string[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
  event(type: string, action: string, key: string, object: unknown = {}, cursor?: string): void {
    this.onmessage?.({ data: JSON.stringify({ Time: '', Type: type, Action: action, Key: key, Principal: '', Object: object, Original: null, ...(cursor ? { Cursor: cursor } : {}) }) });
  }
  /** What the server acknowledges a command with. */
  told(action: string, key: string, object: unknown = {}): void {
    this.event('websocket', action, key, object);
  }
}

export const last = <T>(list: readonly T[]): T => list[list.length - 1]!;
