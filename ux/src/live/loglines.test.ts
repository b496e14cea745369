import { describe, expect, test } from 'vitest';
import { Client } from '../api/client';
import { kindsOf, normalise, spread, tellingLine } from './loglines';
import { readTails } from './tails';

test.each([
  ['curl: (28) Connection timed out after 300123 milliseconds', 'curl: (N) Connection timed out after N milliseconds'],
  ['2026-11-29T03:02:11.123Z level=error msg="no route to 10.1.2.3:8092"', 'TIME level=error msg="no route to ADDRESS"'],
  ['Nov 29 03:02:11 web-07 dhclient[812]: No DHCPOFFERS received.', 'TIME web-N dhclient[N]: No DHCPOFFERS received.'],
  ['device 52:54:00:ab:cd:ef not found', 'device MAC not found'],
  ['job 8131dfb5-3c34-40de-9541-fb7c491a7d84 failed', 'job ID failed'],
  ['fe80::5054:ff:fe12:3456 unreachable', 'ADDRESS unreachable'],
  ['digest deadbeef12345678 != 0xFF', 'digest H != H'],
  ['\u001b[31mfailed\u001b[0m   twice', 'failed twice'],
  ['deadline exceeded', 'deadline exceeded'],
])('%s', (line, kind) => {
  expect(normalise(line)).toBe(kind);
});

test('two machines with the same trouble say the same', () => {
  expect(normalise('rack 4: dhcp of 10.0.0.7 timed out at 03:01:59')).toBe(normalise('rack 12: dhcp of 10.9.3.201 timed out at 04:00:00.5'));
});

test.each([
  ['one\ncurl: (28) Connection timed out\nTask network-config failed\nCommand exited with status 1\n', 'curl: (28) Connection timed out'],
  ['Task x failed\n\n', 'Task x failed'],
  ['all is well\nbye\n', 'bye'],
  ['', ''],
  ['error: first\nok\nerror: second\r\n', 'error: second'],
])('the telling line of %j', (tail, line) => {
  expect(tellingLine(tail)).toBe(line);
});

test('a very long line costs no more than a long one', () => {
  expect(normalise('x'.repeat(1_000_000)).length).toBeLessThanOrEqual(240);
});

test('reading is spread over groups', () => {
  const items = [...Array.from({ length: 50 }, (_, at) => ({ group: 'a', at })), { group: 'b', at: 0 }, { group: 'c', at: 0 }];
  expect(spread(items, 4).map((item) => item.group)).toEqual(['a', 'b', 'c', 'a']);
  expect(spread(items, 100)).toHaveLength(52);
  expect(spread([], 5)).toEqual([]);
});

describe('tails', () => {
  const logs: Record<string, string> = { a: 'x\ncurl: timed out after 10 s\n', b: 'y\ncurl: timed out after 99 s\n', c: '' };
  const client = new Client(() => 't', ((url: string) => {
    const key = /jobs\/(\w+)\/log/.exec(url)?.[1] ?? '';
    if (key === 'gone') return Promise.resolve(new Response('{"Messages":["dark"]}', { status: 503 }));
    return Promise.resolve(new Response(logs[key], { status: 200, headers: { 'Content-Length': String(logs[key]!.length) } }));
  }) as typeof fetch);

  test('equal kinds are one, what cannot be read is said', async () => {
    const tails = await readTails(client, ['a', 'b', 'c', 'gone'].map((key) => ({ key, owner: 'A' })));
    expect(kindsOf(tails).map((kind) => [kind.kind, kind.tails.length])).toEqual([['curl: timed out after N s', 2], ['(the log is empty)', 1]]);
    expect(tails.find((tail) => tail.key === 'gone')?.problem).toBe('dark');
  });
});
