/** Reads the ends of job logs and says what each tells; runs in the worker, so that megabytes of logs never reach the page. */
import { path, type Client } from '../api/client';
import { normalise, NOTHING_SAID, tellingLine, type Tail } from './loglines';

const TAIL_BYTES = 4096;
/** of a server that knows no ranges: read from the beginning, no more than this */
const WHOLE_BYTES = 64 * 1024;
const AT_ONCE = 6;

async function readTail(client: Client, job: { key: string; owner: string }, signal?: AbortSignal): Promise<Tail> {
  const { key, owner } = job;
  try {
    const piece = await client.bytes(`${path('jobs', key)}/log`, `bytes=-${TAIL_BYTES}`, WHOLE_BYTES, signal);
    const bytes = piece.bytes.subarray(Math.max(0, piece.bytes.length - TAIL_BYTES));
    const line = tellingLine(new TextDecoder().decode(bytes)).slice(0, 1000);
    return { key, owner, line, kind: line === '' ? NOTHING_SAID : normalise(line) };
  } catch (failure) {
    return { key, owner, line: '', kind: '', problem: failure instanceof Error ? failure.message : String(failure) };
  }
}

/** In the order of `jobs`; never throws. */
export async function readTails(client: Client, jobs: readonly { key: string; owner: string }[], signal?: AbortSignal): Promise<Tail[]> {
  const tails: Tail[] = new Array<Tail>(jobs.length);
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < jobs.length && !signal?.aborted; at = next++) tails[at] = await readTail(client, jobs[at]!, signal);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return tails.filter((tail) => tail !== undefined);
}
