/** What a log says, reduced to its kind: numbers, names and addresses that differ from machine to machine become letters. */

const RULES: readonly [RegExp, string][] = [
  // eslint-disable-next-line no-control-regex
  [/\u001b\[[0-9;]*[A-Za-z]/g, ''],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, 'ID'],
  [/\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b/gi, 'MAC'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?/g, 'TIME'],
  [/\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d\b/g, 'TIME'],
  [/\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b/g, 'TIME'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?:\/\d{1,2})?\b/g, 'ADDRESS'],
  [/\b[0-9a-f]{1,4}(?:::?[0-9a-f]{1,4}){2,7}(?:\/\d{1,3})?\b/gi, 'ADDRESS'],
  [/\b0x[0-9a-f]+\b/gi, 'H'],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, 'H'],
  [/\d+(?:\.\d+)?/g, 'N'],
  [/\s+/g, ' '],
];

const LONGEST = 240;

/** The kind of a line. */
export function normalise(line: string): string {
  let text = line.slice(0, 4 * LONGEST);
  for (const [pattern, letter] of RULES) text = text.replace(pattern, letter);
  return text.trim().slice(0, LONGEST);
}

const TELLING = /error|fail|fatal|cannot|can't|could not|unable|refused|timed? ?out|timeout|denied|not found|no such|invalid|unreachable|exception|panic|no dhcpoffers|killed|out of (?:memory|space)|no space/i;
/** what wraps a failure and says nothing about it */
const WRAPPER = /^(?:task|job|command|script|action|template)\b.*\b(?:failed|exited)|exit(?:ed)?(?: with)? (?:status|code)|^(?:marking|updating) |^traceback|^\s*at /i;

/** The line of a tail that says most: the last one that tells of a fault and is not only its wrapping. */
export function tellingLine(tail: string): string {
  const lines = tail.split(/\r?\n/).filter((line) => line.trim() !== '');
  const last = (fits: (line: string) => boolean) => [...lines].reverse().find(fits);
  return last((line) => TELLING.test(line) && !WRAPPER.test(line)) ?? last((line) => TELLING.test(line)) ?? lines.at(-1) ?? '';
}

export interface Tail {
  key: string;
  owner: string;
  /** the line as it was written */
  line: string;
  kind: string;
  /** why it could not be read */
  problem?: string;
}

export interface Kind {
  kind: string;
  /** one of its lines, as it was written */
  example: string;
  tails: Tail[];
}

export const NOTHING_SAID = '(the log is empty)';

/** Equal lines together, the most frequent first. */
export function kindsOf(tails: readonly Tail[]): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const tail of tails) {
    if (tail.problem !== undefined) continue;
    const known = kinds.get(tail.kind);
    if (known) known.tails.push(tail);
    else kinds.set(tail.kind, { kind: tail.kind, example: tail.line, tails: [tail] });
  }
  return [...kinds.values()].sort((a, b) => b.tails.length - a.tails.length || a.kind.localeCompare(b.kind));
}

export interface Wanted {
  key: string;
  owner: string;
  /** jobs of the same group are likely to say the same */
  group: string;
}

/** At most `most`, spread over groups: the first of each, then the second of each. */
export function spread<Item extends { group: string }>(items: readonly Item[], most: number): Item[] {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  const chosen: Item[] = [];
  for (let round = 0; chosen.length < Math.min(most, items.length); round++) {
    for (const group of groups.values()) {
      const item = group[round];
      if (item && chosen.length < most) chosen.push(item);
    }
  }
  return chosen;
}
