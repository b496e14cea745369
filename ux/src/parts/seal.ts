/** Secret values, sealed in the browser for their owner alone: a NaCl box with a key pair that exists for one value. */
import type { SecureData } from '../api/types';

export function isSealed(value: unknown): value is SecureData {
  const parts = value as Partial<Record<keyof SecureData, unknown>> | null;
  return typeof value === 'object' && parts !== null && [parts.Key, parts.Nonce, parts.Payload].every((part) => typeof part === 'string');
}

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** `publicKey` is what the owner answered to `pubkey`. Throws when that is no key. */
export async function seal(value: unknown, publicKey: string): Promise<SecureData> {
  const { default: nacl } = await import('tweetnacl');
  const theirs = fromBase64(publicKey);
  if (theirs.length !== nacl.box.publicKeyLength) throw new Error('The owner answered with a key of the wrong length.');
  const mine = nacl.box.keyPair();
  const nonce = nacl.randomBytes(nacl.box.nonceLength);
  const payload = nacl.box(new TextEncoder().encode(JSON.stringify(value)), nonce, theirs, mine.secretKey);
  mine.secretKey.fill(0);
  return { Key: toBase64(mine.publicKey), Nonce: toBase64(nonce), Payload: toBase64(payload) };
}
