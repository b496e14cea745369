/** Where two texts differ, word by word. Pure. */

export interface Piece {
  text: string;
  changed: boolean;
}

export interface Pieces {
  before: Piece[];
  after: Piece[];
}

/** Beyond so many pairs of words only what is alike at both ends is found: nobody reads marks in a page of differences. */
const MOST_PAIRS = 400_000;

/** Words, blanks and signs, each a token: `v1.2.3` is one. */
export const tokensOf = (text: string): string[] => text.match(/[\p{L}\p{N}_.+-]+|\s+|[^\p{L}\p{N}_.+\s-]/gu) ?? [];

/** Lengths of the longest common parts of all ends of `a` and `b`. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint32Array {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1]! + 1 : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
  }
  return lengths;
}

/**
 * How far a run of marks from `from` to `end` can be moved over what is alike at its ends, towards `step`, until it begins with a line; 0
 * when no line begins there. What is not marked stays the same text.
 */
function moveToLine(tokens: readonly string[], changed: readonly boolean[], from: number, end: number, step: 1 | -1): number {
  for (let by = 0; ; by += step) {
    if (tokens[from + by]?.includes('\n')) return by;
    // The token that the run would leave at one end, and the one that it would take at the other.
    const [left, taken] = step > 0 ? [from + by, end + by] : [end + by - 1, from + by - 1];
    if (changed[taken] !== false || tokens[left] !== tokens[taken]) return 0;
  }
}

/** Of equal ways to mark what was added the one that begins with a line is what people would say. */
function byLines(tokens: readonly string[], changed: boolean[]): void {
  for (let from = 0; from < tokens.length; from++) {
    if (!changed[from]) continue;
    let end = from;
    while (changed[end]) end++;
    const by = moveToLine(tokens, changed, from, end, -1) || moveToLine(tokens, changed, from, end, 1);
    changed.fill(false, from, end).fill(true, from + by, end + by);
    from = Math.max(from, end + by - 1);
  }
}

/** Neighbours of one kind are one piece; a blank between two changed words is part of the change. */
function joined(tokens: readonly string[], changed: readonly boolean[]): Piece[] {
  const pieces: Piece[] = [];
  tokens.forEach((text, at) => {
    const blank = /^\s+$/.test(text) && changed[at - 1] === true && changed[at + 1] === true;
    const is = changed[at]! || blank;
    const last = pieces.at(-1);
    if (last?.changed === is) last.text += text;
    else pieces.push({ text, changed: is });
  });
  return pieces;
}

export function piecesOf(before: string, after: string): Pieces {
  const [a, b] = [tokensOf(before), tokensOf(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const [left, right] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const [leftChanged, rightChanged] = [left.map(() => true), right.map(() => true)];
  if (left.length * right.length <= MOST_PAIRS) {
    const lengths = commonLengths(left, right);
    const width = right.length + 1;
    for (let i = 0, j = 0; i < left.length && j < right.length; ) {
      if (left[i] === right[j]) {
        leftChanged[i++] = false;
        rightChanged[j++] = false;
      } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
      else j++;
    }
  }
  const same = (count: number): boolean[] => Array.from({ length: count }, () => false);
  const [allLeft, allRight] = [[...same(head), ...leftChanged, ...same(tail)], [...same(head), ...rightChanged, ...same(tail)]];
  byLines(a, allLeft);
  byLines(b, allRight);
  return { before: joined(a, allLeft), after: joined(b, allRight) };
}

/** A value as text that can be compared: structures with a member a line, as far as they do not fit on one. */
export function comparable(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  const short = JSON.stringify(value);
  return short.length <= 60 ? short : JSON.stringify(value, null, 1);
}
