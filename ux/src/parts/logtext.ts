/** The text of a log as it grows: decoded, without what only a terminal understands, and bounded. */

export const MOST_LINES = 5000;

// eslint-disable-next-line no-control-regex
const TERMINAL = /\u001b(?:\[[0-9;?]*[A-Za-z]|\][^\u0007]*\u0007)|[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g;

/** A carriage return begins the line anew: what a terminal shows is the last of it. */
function shownLine(line: string): string {
  const clean = line.replace(/\r+$/, '');
  return clean.slice(clean.lastIndexOf('\r') + 1);
}

export class LogText {
  /** whole lines, and the one that is not finished yet */
  private lines: string[] = [];
  private rest = '';
  /** lines that came and are not kept any more */
  dropped = 0;
  private decoder = new TextDecoder();

  get text(): string {
    return [...this.lines, ...(this.rest === '' ? [] : [shownLine(this.rest)])].join('\n');
  }

  get count(): number {
    return this.lines.length + (this.rest === '' ? 0 : 1);
  }

  /** `last`: nothing follows, so that an unfinished character is none. Answers how many lines were finished. */
  append(bytes: Uint8Array): number {
    const parts = (this.rest + this.decoder.decode(bytes, { stream: true })).split('\n');
    this.rest = parts.pop() ?? '';
    for (const part of parts) this.lines.push(shownLine(part).replace(TERMINAL, ''));
    const over = this.lines.length - MOST_LINES;
    if (over > 0) {
      this.lines.splice(0, over);
      this.dropped += over;
    }
    return parts.length;
  }

  /** Begins anew, as for a log that was read from its middle: an incomplete first line is left out. */
  static from(bytes: Uint8Array, isBeginning: boolean): LogText {
    const text = new LogText();
    const start = isBeginning ? 0 : bytes.indexOf(10) + 1;
    text.append(bytes.subarray(start));
    return text;
  }
}

const MOST_MATCHES = 1000;

/** Where a text stands in another, in any case; at most a thousand places. */
export function matchesOf(text: string, wanted: string): number[] {
  if (wanted === '') return [];
  const found: number[] = [];
  const [haystack, needle] = [text.toLowerCase(), wanted.toLowerCase()];
  for (let at = haystack.indexOf(needle); at >= 0 && found.length < MOST_MATCHES; at = haystack.indexOf(needle, at + needle.length)) found.push(at);
  return found;
}
