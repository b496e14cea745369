"""NaCl boxes (curve25519, xsalsa20, poly1305) in plain Python, for secure parameters of the fake; slow, but right."""
import hmac
import secrets
import struct

PRIME = 2 ** 255 - 19
BASE_POINT = (9).to_bytes(32, "little")
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_MASK = 0xFFFFFFFF


class Corrupted(ValueError):
    """A box that cannot be opened."""


def _multiply(scalar, point):
    """X25519 of RFC 7748."""
    k = int.from_bytes(scalar, "little") & ~7 & ~(128 << 8 * 31) | 64 << 8 * 31
    x1 = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for bit in range(254, -1, -1):
        now = k >> bit & 1
        if swap ^ now:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = now
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % PRIME, b * b % PRIME, d * a % PRIME, c * b % PRIME
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % PRIME, x1 * (da - cb) ** 2 % PRIME
        x2, z2 = aa * bb % PRIME, e * (aa + 121665 * e) % PRIME
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")


def _rounds(words):
    x = list(words)
    quarters = ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
                (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14))
    for _ in range(10):
        for a, b, c, d in quarters:
            for target, one, other, turn in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
                total = x[one] + x[other] & _MASK
                x[target] ^= (total << turn & _MASK) | total >> 32 - turn
    return x


def _matrix(key, middle):
    k = struct.unpack("<8I", key)
    s = _SIGMA
    return (s[0], *k[:4], s[1], *struct.unpack("<4I", middle), s[2], *k[4:], s[3])


def _hsalsa(key, nonce):
    x = _rounds(_matrix(key, nonce))
    return struct.pack("<8I", x[0], x[5], x[10], x[15], x[6], x[7], x[8], x[9])


def _stream(key, nonce, size):
    key = _hsalsa(key, nonce[:16])
    out = b""
    for block in range(-(-size // 64)):
        words = _matrix(key, nonce[16:] + struct.pack("<Q", block))
        out += struct.pack("<16I", *(a + b & _MASK for a, b in zip(words, _rounds(words))))
    return out[:size]


def _poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for begin in range(0, len(data), 16):
        total = (total + int.from_bytes(data[begin:begin + 16] + b"\1", "little")) * r % (2 ** 130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2 ** 128).to_bytes(16, "little")


def _crypt(key, nonce, data):
    stream = _stream(key, nonce, 32 + len(data))
    return stream[:32], bytes(a ^ b for a, b in zip(data, stream[32:]))


def _shared(private, public):
    return _hsalsa(_multiply(private, public), bytes(16))


def new_key():
    """A private key."""
    return secrets.token_bytes(32)


def public_of(private):
    return _multiply(private, BASE_POINT)


def seal(public, text):
    """`text` for the owner of `public`: (public key of the sender, nonce, payload)."""
    private, nonce = new_key(), secrets.token_bytes(24)
    key, payload = _crypt(_shared(private, public), nonce, text)
    return public_of(private), nonce, _poly1305(key, payload) + payload


def open_sealed(private, sender, nonce, payload):
    """The text of a box. Raises Corrupted."""
    if len(sender) != 32:
        raise Corrupted("Key must be 32 bytes long")
    if len(nonce) != 24:
        raise Corrupted("Nonce must be 24 bytes long")
    if len(payload) < 16:
        raise Corrupted("SecureData corrupted")
    key, text = _crypt(_shared(private, sender), nonce, payload[16:])
    if not hmac.compare_digest(_poly1305(key, payload[16:]), payload[:16]):
        raise Corrupted("SecureData corrupted")
    return text
