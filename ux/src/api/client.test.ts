import { expect, test } from 'vitest';
import { Client } from './client';
import { RequestError } from './errors';

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
