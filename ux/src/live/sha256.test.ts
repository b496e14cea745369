import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Sha256 } from './sha256';

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 1000, 1 << 16])('%i bytes, in pieces of any size', (size) => {
  const bytes = randomBytes(size);
  const expected = createHash('sha256').update(bytes).digest('hex');
  for (const piece of [1, 7, 64, 100, size + 1]) {
    if (size / piece > 5000) continue;
    const hash = new Sha256();
    for (let at = 0; at < size; at += piece) hash.update(bytes.subarray(at, at + piece));
    expect(hash.finish(), `pieces of ${piece}`).toBe(expected);
  }
});

test('the known answers', () => {
  const of = (text: string) => { const hash = new Sha256(); hash.update(new TextEncoder().encode(text)); return hash.finish(); };
  expect(of('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(of('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
