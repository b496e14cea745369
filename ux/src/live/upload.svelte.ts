/** One file on its way to the server: in pieces that can go on after a cut, and compared by checksum at the end. */
import { RequestError, type Problem } from '../api/errors';
import { ownProblem } from './bridge.svelte';
import hashUrl from './hash-worker?worker&url';
import { begin, end } from './ledger';
import { nextPiece, PIECE, resumeAt } from './pieces';
import { api } from './session.svelte';
import { trustedScript } from './trusted';

export type UploadState = 'waiting' | 'sending' | 'comparing' | 'done' | 'different' | 'paused' | 'failed';

export class Upload {
  state = $state<UploadState>('waiting');
  sent = $state(0);
  hashed = $state(0);
  /** bytes that the server had already */
  resumed = $state(0);
  sha = $state('');
  problem = $state.raw<Problem | undefined>(undefined);
  private readonly stopped = new AbortController();
  private readonly target: string;

  constructor(
    readonly file: File,
    /** files/PATH or isos/PATH */
    readonly path: string,
    private readonly explode = false,
  ) {
    this.target = path.split('/').map(encodeURIComponent).join('/');
  }

  /** Never throws: `state` and `problem` tell. Called again it goes on where the server is. */
  async run(): Promise<void> {
    this.problem = undefined;
    const what = `upload ${this.path}`;
    const entry = { time: Date.now(), method: 'POST', target: this.path, what, owner: '', commit: '', message: '' };
    const id = await begin({ ...entry, outcome: 'running' });
    try {
      const sum = this.checksum();
      // A checksum that cannot be made is told when it is waited for, not as an error nobody caught.
      sum.catch(() => {});
      await this.send();
      this.state = 'comparing';
      const [mine, theirs] = await Promise.all([sum, this.stored()]);
      this.sha = mine;
      this.state = theirs === '' || mine === theirs ? 'done' : 'different';
      await end({ ...entry, id, outcome: this.state === 'done' ? 'done' : 'unknown', message: this.state === 'done' ? `sha256 ${mine}` : `the server has sha256 ${theirs}` });
    } catch (failure) {
      this.problem = failure instanceof RequestError ? failure.problem : ownProblem(failure);
      this.state = this.stopped.signal.aborted ? 'paused' : 'failed';
      await end({ ...entry, id, outcome: this.problem.status === 0 ? 'unknown' : 'refused', message: this.problem.messages.join('; ') });
    }
  }

  stop(): void {
    this.stopped.abort();
  }

  /** Forgets what the server has of it. */
  async forget(): Promise<void> {
    this.stop();
    await api.request('DELETE', this.target, { query: [['partial', 'true']] }).catch(() => {});
  }

  private async send(): Promise<void> {
    this.state = 'sending';
    let at = await this.offset();
    this.resumed = at;
    for (let piece = nextPiece(at, this.file.size, PIECE); piece; piece = nextPiece(at, this.file.size, PIECE)) {
      this.sent = piece.from;
      await api.request('POST', this.target, {
        body: this.file.slice(piece.from, piece.to),
        headers: piece.range === '' ? {} : { 'Content-Range': piece.range },
        signal: this.stopped.signal,
        query: this.explode ? [['explode', 'true']] : [],
      });
      at = piece.to;
      this.sent = at;
      if (this.file.size === 0) return;
    }
  }

  /** Where the server is; something of another file is forgotten. */
  private async offset(): Promise<number> {
    const answer = await api.request('HEAD', this.target, { query: [['partial', 'true']] }).catch((failure: unknown) => {
      if (failure instanceof RequestError && failure.problem.status === 404) return undefined;
      throw failure;
    });
    const at = resumeAt(answer?.headers.get('Upload-Offset') ?? null, this.file.size);
    if (at !== 'other') return at;
    await api.request('DELETE', this.target, { query: [['partial', 'true']] });
    return 0;
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
