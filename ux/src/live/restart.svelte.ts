/** Whether this server restarts: known from an upgrade that this tab began, or from what answers in its place. */
import { session } from './session.svelte';

const ASK_MS = 1000;
/** how long an upgrade that was accepted may take to begin before nobody waits for it any more */
const MOST_MS = 180_000;

export type Probe = 'served' | 'restarting' | 'silent';

/** What an answer to a plain request says about the server: 503 comes from the program that watches over a new one. */
export function probeOf(status: number | undefined): Probe {
  if (status === undefined) return 'silent';
  return status === 503 ? 'restarting' : 'served';
}

class Restart {
  active = $state(false);
  from = $state('');
  /** empty: not known before it answers */
  to = $state('');
  seconds = $state(0);
  /** how the last one ended, for the notice above the pages */
  ended = $state<'' | 'upgraded' | 'same'>('');
  private began = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private wentAway = false;
  private expected = false;

  /** An upgrade was accepted: the server will go away and come back. */
  expect(to: string): void {
    this.to = to;
    this.expected = true;
    this.begin(true);
  }

  /** The websocket broke: perhaps a restart, perhaps the network. */
  suspect(): void {
    if (this.timer === undefined) this.begin(false);
    else this.wentAway = true;  // between two questions
  }

  private begin(active: boolean): void {
    this.stop();
    this.active = active;
    this.ended = '';
    this.from = session.info?.version ?? '';
    this.began = performance.now();
    this.wentAway = !active;
    this.timer = setInterval(() => void this.ask(), ASK_MS);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async ask(): Promise<void> {
    this.seconds = Math.round((performance.now() - this.began) / 1000);
    const status = await fetch('/api/v3/info', { method: 'HEAD', credentials: 'omit', cache: 'no-store', headers: { Authorization: `Bearer ${session.token}` } }).then((answer) => answer.status, () => undefined);
    const probe = probeOf(status);
    if (probe === 'restarting') this.active = true;
    if (probe !== 'served') this.wentAway = true;
    else if (this.wentAway || (await this.isNew())) await this.back();
    if (this.seconds * 1000 > MOST_MS && this.timer !== undefined) this.giveUp();
  }

  /** A restart may be over between two questions. */
  private async isNew(): Promise<boolean> {
    await session.refreshInfo();
    return session.info?.version !== this.from;
  }

  private async back(): Promise<void> {
    this.stop();
    await session.refreshInfo();
    if (this.active) this.ended = session.info?.version === this.from ? 'same' : 'upgraded';
    this.active = false;
    this.expected = false;
    this.to = '';
  }

  private giveUp(): void {
    this.active = false;
    if (this.expected) this.stop();
    this.expected = false;
  }
}

export const restart = new Restart();
