import { expect, test } from 'vitest';
import { Client } from './client';
import { RequestError } from './errors';
import { headersOf } from './sending';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function clientOf(answer: () => Response, seen: RequestInit[] = []) {
  return new Client(() => 'token', ((_: string, init: RequestInit) => {
    seen.push(init);
    return Promise.resolve(answer());
  }) as typeof fetch);
}

test('a piece says where it begins and how long the whole is', async () => {
  const seen: RequestInit[] = [];
  const client = clientOf(() => new Response('tail', { status: 206, headers: { 'Content-Range': 'bytes 96-99/100' } }), seen);
  const piece = await client.bytes('jobs/a/log', 'bytes=-4', 4096);
  expect([text(piece.bytes), piece.first, piece.total, piece.ranged]).toEqual(['tail', 96, 100, true]);
  expect(seen[0]!.headers).toMatchObject({ Range: 'bytes=-4', Authorization: 'Bearer token' });
  expect(seen[0]!.credentials).toBe('omit');
});

test('a server without ranges sends all, of which no more than wanted is read', async () => {
  const piece = await clientOf(() => new Response('0123456789', { headers: { 'Content-Length': '10' } })).bytes('jobs/a/log', 'bytes=-4', 6);
  expect([text(piece.bytes), piece.first, piece.total, piece.ranged]).toEqual(['012345', 0, 10, false]);
});

test('nothing behind the end is an empty piece; a refusal is a refusal', async () => {
  const none = await clientOf(() => new Response('{}', { status: 416, headers: { 'Content-Range': 'bytes */12' } })).bytes('jobs/a/log', 'bytes=12-', 10);
  expect([none.bytes.length, none.first, none.total]).toEqual([0, 12, 12]);
  await expect(clientOf(() => new Response('{"Messages":["Not Found"]}', { status: 404 })).bytes('jobs/a/log', 'bytes=0-', 100)).rejects.toThrow(RequestError);
});

test('a blob is sent as it is, anything else as JSON', async () => {
  const seen: RequestInit[] = [];
  const client = clientOf(() => new Response('{}'), seen);
  await client.request('POST', 'system/upgrade', { body: new Blob(['zip']), headers: { 'Content-Type': 'application/octet-stream' } });
  await client.request('POST', 'prefs', { body: { a: 1 } });
  expect(seen[0]!.body).toBeInstanceOf(Blob);
  expect(seen[1]!.body).toBe('{"a":1}');
});

test('a body that is watched goes with the same headers, and its refusals and cuts are told alike', async () => {
  const told: number[] = [];
  const seen: RequestInit[] = [];
  const refused: string[] = [];
  let answer: () => Promise<Response> = () => Promise.resolve(new Response('{"a":1}', { status: 201 }));
  const client = new Client(
    () => 'token',
    () => Promise.reject(new Error('not by fetch')),
    (login) => refused.push(login),
    (_, init, sent) => {
      seen.push(init);
      sent(3, 3);
      return answer();
    },
  );
  const send = (signal?: AbortSignal) => client.request('POST', 'files/a', { body: new Blob(['zip']), sent: (bytes) => told.push(bytes), ...(signal ? { signal } : {}) });
  expect((await send()).body).toEqual({ a: 1 });
  expect([told, seen[0]!.method, seen[0]!.headers]).toEqual([[3], 'POST', { Accept: 'application/json', Authorization: 'Bearer token', 'Content-Type': 'application/octet-stream' }]);
  answer = () => Promise.resolve(new Response('{"Messages":["too large"]}', { status: 413, headers: { 'X-Request-Id': 'r1' } }));
  await expect(send()).rejects.toMatchObject({ problem: { status: 413, messages: ['too large'], requestId: 'r1' } });
  answer = () => Promise.resolve(new Response('', { status: 401 }));
  await expect(send()).rejects.toMatchObject({ problem: { status: 401 } });
  expect(refused).toEqual(['token']);
  answer = () => Promise.reject(new TypeError('The connection was cut'));
  await expect(send()).rejects.toMatchObject({ problem: { status: 0, messages: ['The connection was cut'] } });
  const stopped = AbortSignal.abort(new DOMException('', 'AbortError'));
  answer = () => Promise.reject(stopped.reason as Error);
  await expect(send(stopped)).rejects.toBe(stopped.reason);
});

test('headers as XMLHttpRequest tells them', () => {
  const headers = headersOf('content-type: application/json\r\nx-mullion-commit: A 1 2\r\nx-empty:\r\nx-time: 10:20\r\n');
  expect([headers.get('Content-Type'), headers.get('X-Mullion-Commit'), headers.get('X-Empty'), headers.get('X-Time')]).toEqual(['application/json', 'A 1 2', '', '10:20']);
  expect([...headersOf('')]).toEqual([]);
});

test('a refusal tells of the login that was refused, unless another one was made meanwhile', async () => {
  let token = 'old';
  const refused: string[] = [];
  let answer: (response: Response) => void = () => {};
  const client = new Client(() => token, (() => new Promise<Response>((resolve) => (answer = resolve))) as typeof fetch, (login) => refused.push(login));
  const late = client.get('info');
  token = 'new';
  answer(new Response('', { status: 401 }));
  await expect(late).rejects.toThrow(RequestError);
  expect(refused).toEqual([]);
  const present = client.bytes('jobs/a/log', 'bytes=0-', 100);
  answer(new Response('', { status: 401 }));
  await expect(present).rejects.toThrow(RequestError);
  expect(refused).toEqual(['new']);
});
