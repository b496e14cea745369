import { expect, test } from 'vitest';
import { LogText, matchesOf, MOST_LINES } from './logtext';

const bytes = (text: string) => new TextEncoder().encode(text);

test('pieces are put together, also in the middle of a character', () => {
  const log = new LogText();
  const whole = bytes('first\nzweite Zeile: ä');
  log.append(whole.subarray(0, whole.length - 1));
  log.append(whole.subarray(whole.length - 1));
  expect(log.text).toBe('first\nzweite Zeile: ä');
  log.append(bytes('ö\n'));
  expect([log.text, log.count]).toEqual(['first\nzweite Zeile: äö', 2]);
});

test.each([
  ['\u001b[31mred\u001b[0m\n', 'red'],
  ['10 %\r50 %\r100 %\n', '100 %'],
  ['dos\r\nline\r\n', 'dos\nline'],
  ['bell\u0007 and nul\u0000\n', 'bell and nul'],
  ['<script>alert(1)</script>\n', '<script>alert(1)</script>'],
])('%j is shown as %j', (raw, shown) => {
  const log = new LogText();
  log.append(bytes(raw));
  expect(log.text).toBe(shown);
});

test('bounded, and what is not kept is counted', () => {
  const log = new LogText();
  log.append(bytes('line\n'.repeat(MOST_LINES + 7)));
  expect([log.count, log.dropped]).toEqual([MOST_LINES, 7]);
});

test('from the middle of a log the first, incomplete line is left out', () => {
  expect(LogText.from(bytes('lf a line\nwhole\n'), false).text).toBe('whole');
  expect(LogText.from(bytes('a line\nwhole\n'), true).text).toBe('a line\nwhole');
});

test.each([['abcABC', 'bc', [1, 4]], ['aaaa', 'aa', [0, 2]], ['abc', '', []], ['abc', 'x', []]])('in %j is %j at %j', (text, wanted, places) => {
  expect(matchesOf(text, wanted)).toEqual(places);
});
