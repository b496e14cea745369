import { expect, test } from 'vitest';
import { fingerprintOf, grouped, readCertificate, validity } from './certificate';

const PEM = `-----BEGIN CERTIFICATE-----
MIIB7DCCAZKgAwIBAgIUIOtLy8+7xeRv+BWHkz15PYzB6kowCgYIKoZIzj0EAwIw
LzEQMA4GA1UECgwHRXhhbXBsZTEbMBkGA1UEAwwSc2l0ZS1hLmV4YW1wbGUub3Jn
MB4XDTI2MTEzMDE0MjgyN1oXDTM2MTEyNzE0MjgyN1owLzEQMA4GA1UECgwHRXhh
bXBsZTEbMBkGA1UEAwwSc2l0ZS1hLmV4YW1wbGUub3JnMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEuloB6+SZcM/fGKhJHJjakYECZ+pelwdKX0E5G53LGglZKT0B
ZRdxYixrRPf0mTvqUHr2Kk8tlwcElfb2TIOCqqOBizCBiDAdBgNVHQ4EFgQU1hqI
RTAp3eKGV4Ut+0x4lJwJW6gwHwYDVR0jBBgwFoAU1hqIRTAp3eKGV4Ut+0x4lJwJ
W6gwDwYDVR0TAQH/BAUwAwEB/zA1BgNVHREELjAsghJzaXRlLWEuZXhhbXBsZS5v
cmeHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwCgYIKoZIzj0EAwIDSAAwRQIhAMOe
RuLvGF97GoT5Sb3JP5j6av3yIBt9MPkveBoctC6nAiBhgWtzyqwDwKWRwNsCG+mm
OIhx67LBhPkbdAJycczCiA==
-----END CERTIFICATE-----`;

test('whom it names, when it ends, and its fingerprint', async () => {
  const read = readCertificate(PEM)!;
  expect(read.subject).toBe('site-a.example.org');
  expect(read.names).toEqual(['site-a.example.org', '127.0.0.1', '0:0:0:0:0:0:0:1']);
  expect([read.from.toISOString(), read.to.toISOString()]).toEqual(['2026-11-30T14:28:27.000Z', '2036-11-27T14:28:27.000Z']);
  expect(await fingerprintOf(read.der)).toBe('9214b423085b76efbe60df3ad48ad85e8a2e606b55c18cd7fe5f37f506e33ba2');
});

test.each(['', 'no certificate', '-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----', '-----BEGIN CERTIFICATE-----\nMIIBqTCC\n-----END CERTIFICATE-----'])('%j is none', (pem) => {
  expect(readCertificate(pem)).toBeUndefined();
});

test('any cut or flip is read or refused, and never loops', () => {
  const body = PEM.split('\n').slice(1, -1).join('');
  for (let at = 4; at < body.length; at += 4) readCertificate(`-----BEGIN CERTIFICATE-----${body.slice(0, at)}-----END CERTIFICATE-----`);
});

const day = 86400_000;
test.each([[0, 'early'], [2 * day, 'ok'], [75 * day, 'soon'], [101 * day, 'over']])('after %d ms: %s', (now, kind) => {
  expect(validity({ from: new Date(day), to: new Date(100 * day) }, now).kind).toBe(kind);
});

test('in groups of four', () => {
  expect(grouped('05D3:83E8:8593')).toBe('05d3 83e8 8593');
});
