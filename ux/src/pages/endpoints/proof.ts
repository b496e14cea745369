/** Whether a copy equals what its owner has: digests of both, type by type. Pure. */

/** Of a server's own statement about its collections. */
export interface Told {
  Type: string;
  /** empty: the server's own objects */
  Owner: string;
  Digest: string;
  Count: number;
}

export type Verdict = 'equal' | 'moving' | 'differs';

export interface TypeProof {
  type: string;
  verdict: Verdict;
  /** objects at the owner and here */
  there: number;
  here: number;
}

/** One question to both. */
export interface Round {
  there: readonly Told[];
  here: readonly Told[];
}

const table = (told: readonly Told[], owner: string) => new Map(told.filter((entry) => entry.Owner === owner).map((entry) => [entry.Type, entry]));

/**
 * Of a type whose digests differ nothing is said while it changes on either side: what was asked of one a moment later than of the
 * other may differ rightly. `copied`: whether objects of a type are kept in copies at all.
 */
export function proofOf(rounds: readonly Round[], owner: string, copied: (type: string) => boolean): TypeProof[] {
  const last = rounds.at(-1);
  if (!last) return [];
  const [there, here] = [table(last.there, ''), table(last.here, owner)];
  const types = [...new Set([...there.keys(), ...here.keys()])].filter((type) => copied(type) && (there.get(type)?.Count ?? 0) + (here.get(type)?.Count ?? 0) > 0).sort();
  const before = rounds.at(-2);
  const [thereBefore, hereBefore] = before ? [table(before.there, ''), table(before.here, owner)] : [undefined, undefined];
  return types.map((type) => {
    const [of, copy] = [there.get(type), here.get(type)];
    const stood = thereBefore?.get(type)?.Digest === of?.Digest && hereBefore?.get(type)?.Digest === copy?.Digest && before !== undefined;
    return { type, verdict: of?.Digest === copy?.Digest ? 'equal' : stood ? 'differs' : 'moving', there: of?.Count ?? 0, here: copy?.Count ?? 0 };
  });
}

/** Another round may tell more. */
export const isOpen = (proof: readonly TypeProof[]): boolean => proof.some(({ verdict }) => verdict === 'moving');
