/** Notices about endpoints that are lost or in touch again: one for each cause, however many are behind it. Pure. */
import { isReached, stateOf, type Endpoint } from '../parts/endpoint';

export interface Turn {
  id: string;
  lost: boolean;
  why: string;
  /** it has to be looked at by somebody: another certificate, a refused login */
  person: boolean;
}

/** What a change of an Endpoint object means; undefined when it was and is the same. */
export function turnOf(before: Endpoint | undefined, now: Endpoint): Turn | undefined {
  const was = before && before.connection !== '' ? stateOf(before) : undefined;
  const is = stateOf(now);
  if (!was || is.touch === 'connecting') return undefined;
  const lost = !isReached(is.touch);
  if (isReached(was.touch) === !lost && was.person === is.person) return undefined;
  return { id: now.id, lost, why: is.touch === 'certificate' ? 'its certificate changed' : is.why, person: is.person };
}

/** One sentence for what happened within a moment; the last turn of each endpoint counts. */
export function sentences(turns: readonly Turn[], belowOf: ReadonlyMap<string, number>): { text: string; bad: boolean }[] {
  const last = new Map(turns.map((turn) => [turn.id, turn]));
  const found: { text: string; bad: boolean }[] = [];
  for (const lost of [true, false]) {
    const group = [...last.values()].filter((turn) => turn.lost === lost).sort((a, b) => (belowOf.get(b.id) ?? 0) - (belowOf.get(a.id) ?? 0));
    const [first] = group;
    if (!first) continue;
    const below = group.reduce((sum, { id }) => sum + (belowOf.get(id) ?? 0), 0);
    const others = group.length > 1 ? ` and ${group.length - 1} ${group.length === 2 ? 'other' : 'others'}` : '';
    const verb = group.length > 1 ? 'are' : 'is';
    const behind = below > 0 ? `; ${below} below` : '';
    found.push(lost ? { text: `${first.id}${others} ${verb} ${first.person ? 'refused' : 'dark'}${behind}${first.why ? `: ${first.why}` : ''}`, bad: true } : { text: `${first.id}${others} ${verb} in touch${behind}`, bad: false });
  }
  return found;
}
