/** One body on its way: what pages draw of it, what screen readers are told, and the way to stop it. */
import type { Options } from '../api/client';
import type { Problem } from '../api/errors';
import type { Outcome } from '../api/outcome';
import { announce } from './notices.svelte';
import { adviceFor, announcementOf, mayCancel, stepped, waiting, type Step, type Transfer } from './transfer';

/** Browsers tell twenty times a second; nobody reads that fast. */
const DRAWN_MS = 100;

export class Sending {
  transfer = $state.raw<Transfer>(waiting(0));
  problem = $state.raw<Problem | undefined>(undefined);
  private stopper = new AbortController();
  private drawn = 0;

  constructor(
    readonly name: string,
    readonly size: number,
    /** whether the server keeps what it has of a body that was cut */
    readonly keeps = false,
  ) {
    this.transfer = waiting(size);
  }

  get stopped(): boolean {
    return this.stopper.signal.aborted;
  }

  /** What the requests that send it take. */
  begin(from = 0): Required<Pick<Options, 'sent' | 'signal'>> {
    this.step({ kind: 'begin', from });
    return { sent: (bytes, total) => this.sent(bytes, total), signal: this.stopper.signal };
  }

  sent(bytes: number, total: number): void {
    const now = performance.now();
    if (bytes < total && now - this.drawn < DRAWN_MS) return;
    this.drawn = now;
    this.step({ kind: 'sent', sent: bytes, total });
  }

  /** With what to do about it. */
  advised(problem: Problem): Problem {
    const advice = adviceFor(problem, this.transfer, this.keeps);
    return advice === '' ? problem : { ...problem, advice };
  }

  end(phase: Extract<Step, { kind: 'end' }>['phase'], problem?: Problem): void {
    this.problem = problem;
    this.step({ kind: 'end', phase });
  }

  /** How the write that it is the body of ended; who writes tells of that. */
  ended(outcome: Outcome): void {
    if (outcome.kind === 'cancelled') this.end('cancelled');
    else this.end('problem' in outcome ? 'failed' : 'done');
  }

  stop(): void {
    this.stopper.abort();
  }

  /** After an end: from the beginning, or where the server is. */
  reopen(): void {
    this.stopper = new AbortController();
    this.problem = undefined;
    this.transfer = waiting(this.size);
    this.guard();
  }

  private step(step: Step): void {
    const before = this.transfer;
    this.transfer = stepped(before, step, performance.now());
    this.guard();
    const told = announcementOf(this.name, before, this.transfer);
    if (told !== '') announce(told, this.transfer.phase === 'different');
  }

  /** Whoever closes the tab cuts what is being sent. */
  private guard(): void {
    if (mayCancel(this.transfer)) addEventListener('beforeunload', this.stay);
    else removeEventListener('beforeunload', this.stay);
  }

  private readonly stay = (event: Event) => event.preventDefault();
}
