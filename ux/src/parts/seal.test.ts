import nacl from 'tweetnacl';
import { expect, test } from 'vitest';
import { fromBase64, isSealed, seal, toBase64 } from './seal';

test.each([['a secret'], [{ nested: ['ü', 1, null] }], [''], [false]])('%j can be opened by the owner and by nobody else', async (value) => {
  const owner = nacl.box.keyPair();
  const sealed = await seal(value, toBase64(owner.publicKey));
  const open = (secret: Uint8Array) => nacl.box.open(fromBase64(sealed.Payload), fromBase64(sealed.Nonce), fromBase64(sealed.Key), secret);
  expect(JSON.parse(new TextDecoder().decode(open(owner.secretKey)!))).toEqual(value);
  expect(open(nacl.box.keyPair().secretKey)).toBeNull();
  expect(fromBase64(sealed.Payload).length).toBe(new TextEncoder().encode(JSON.stringify(value)).length + 16);
});

test('the same value is sealed differently each time', async () => {
  const key = toBase64(nacl.box.keyPair().publicKey);
  expect((await seal('x', key)).Payload).not.toBe((await seal('x', key)).Payload);
});

test('what is no key is refused before anything is sealed', async () => {
  await expect(seal('x', toBase64(new Uint8Array(31)))).rejects.toThrow('wrong length');
});

test.each([
  [{ Key: 'a', Nonce: 'b', Payload: 'c' }, true],
  [{ Key: 'a', Nonce: 'b' }, false],
  [null, false],
  ['text', false],
])('%j is sealed: %s', (value, expected) => expect(isSealed(value)).toBe(expected));
