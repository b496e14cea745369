/** One file on its way to the server: in pieces that can go on after a cut, and compared by checksum at the end. */
import { RequestError } from '../api/errors';
import { en } from '../text/en';
import { ownProblem } from './bridge.svelte';
import hashUrl from './hash-worker?worker&url';
import { begin, end, type LedgerEntry } from './ledger';
import { nextPiece, PIECE, resumeAt } from './pieces';
import { Sending } from './sending.svelte';
import { api } from './session.svelte';
import { progressText } from './transfer';
import { trustedScript } from './trusted';

/** A piece that was cut holds the upload until the server has noticed. */
const FORGET_TRIES = 40;
const FORGET_MS = 250;
const PARTIAL: [string, string][] = [['partial', 'true']];

type Ended = Pick<LedgerEntry, 'outcome' | 'message'>;

export class Upload {
  readonly sending: Sending;
  hashed = $state(0);
  /** bytes that the server had already */
  resumed = $state(0);
  sha = $state('');
  /** what is at the server after it was cancelled, as a sentence */
  left = $state('');
  private cancelling = false;
  private running: Promise<void> | undefined;
  private readonly target: string;

  constructor(
    readonly file: File,
    /** files/PATH or isos/PATH */
    readonly path: string,
  ) {
    this.target = path.split('/').map(encodeURIComponent).join('/');
    this.sending = new Sending(path, file.size, true);
  }

  /** Never throws: `sending` tells. Called again it goes on where the server is. */
  async run(): Promise<void> {
    if (this.cancelling) return;
    this.running = this.once();
    await this.running;
    this.running = undefined;
  }

  /** What is sent stays at the server. */
  pause(): void {
    this.sending.stop();
  }

  /** What is sent is forgotten. */
  async cancel(): Promise<void> {
    this.cancelling = true;
    this.sending.stop();
    if (this.running) return this.running;
    const begun = this.sending.transfer.phase !== 'waiting';
    await this.cancelled(begun);
  }

  private async once(): Promise<void> {
    this.sending.reopen();
    const entry = { time: Date.now(), method: 'POST', target: this.path, what: `upload ${this.path}`, owner: '', commit: '', message: '' };
    const id = await begin({ ...entry, outcome: 'running' });
    await end({ ...entry, id, ...(await this.sent()) });
  }

  private async sent(): Promise<Ended> {
    try {
      const sum = this.checksum();
      // A checksum that cannot be made is told when it is waited for, not as an error nobody caught.
      sum.catch(() => {});
      await this.send();
      this.sending.end('comparing');
      return this.compared(...(await Promise.all([sum, this.stored()])));
    } catch (failure) {
      return this.sending.stopped ? this.stopped() : this.failed(failure);
    }
  }

  private compared(mine: string, theirs: string): Ended {
    this.sha = mine;
    const equal = theirs === '' || mine === theirs;
    this.sending.end(equal ? 'done' : 'different');
    return equal ? { outcome: 'done', message: `sha256 ${mine}` } : { outcome: 'unknown', message: `the server has sha256 ${theirs}` };
  }

  private failed(failure: unknown): Ended {
    const problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
    this.sending.end('failed', this.sending.advised(problem));
    return { outcome: problem.status === 0 ? 'unknown' : 'refused', message: problem.messages.join('; ') };
  }

  private async stopped(): Promise<Ended> {
    if (this.cancelling) await this.cancelled(true);
    else this.sending.end('paused');
    const { transfer } = this.sending;
    return { outcome: 'cancelled', message: `${en.sending.phases[transfer.phase]}: ${progressText(transfer, 0)}` };
  }

  private async cancelled(begun: boolean): Promise<void> {
    if (begun) this.left = (await this.forgotten()) ? en.sending.nothingLeft : en.sending.stays;
    this.sending.end('cancelled');
  }

  private async send(): Promise<void> {
    let at = await this.offset();
    this.resumed = at;
    const { size } = this.file;
    const { sent, signal } = this.sending.begin(at);
    for (let piece = nextPiece(at, size, PIECE); piece; piece = nextPiece(at, size, PIECE)) {
      const { from, to, range } = piece;
      await api.request('POST', this.target, {
        body: this.file.slice(from, to),
        headers: range === '' ? {} : { 'Content-Range': range },
        signal,
        sent: (bytes) => sent(from + bytes, size),
      });
      at = to;
      if (size === 0) return;
    }
  }

  /** Where the server is; something of another file is forgotten. */
  private async offset(): Promise<number> {
    const answer = await api.request('HEAD', this.target, { query: PARTIAL }).catch((failure: unknown) => {
      if (failure instanceof RequestError && failure.problem.status === 404) return undefined;
      throw failure;
    });
    const at = resumeAt(answer?.headers.get('Upload-Offset') ?? null, this.file.size);
    if (at !== 'other') return at;
    await api.request('DELETE', this.target, { query: PARTIAL });
    return 0;
  }

  /** Whether nothing of it is at the server any more. */
  private async forgotten(): Promise<boolean> {
    for (let tries = 0; tries < FORGET_TRIES; tries++) {
      const status = await api.request('DELETE', this.target, { query: PARTIAL }).then(
        (answer) => answer.status,
        (failure: unknown) => (failure instanceof RequestError ? failure.problem.status : 0),
      );
      if (status !== 409) return status === 204 || status === 404;
      await new Promise((resolve) => setTimeout(resolve, FORGET_MS));
    }
    return false;
  }

  private async stored(): Promise<string> {
    return (await api.request('HEAD', this.target)).headers.get('X-DRP-SHA256SUM') ?? '';
  }

  private checksum(): Promise<string> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(trustedScript(hashUrl), { type: 'module' });
      worker.onmessage = (message: MessageEvent<{ done?: number; sha?: string; failed?: string }>) => {
        const { done, sha, failed } = message.data;
        if (done !== undefined) this.hashed = done;
        if (sha === undefined && failed === undefined) return;
        worker.terminate();
        if (sha !== undefined) resolve(sha);
        else reject(new Error(failed));
      };
      worker.onerror = () => reject(new Error('The checksum could not be made.'));
      worker.postMessage(this.file);
    });
  }
}
