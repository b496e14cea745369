//! A hash over the state of a node, for those who explore worlds and skip what they have seen.
#![forbid(unsafe_code)]

/// FNV-1a by 64-bit words with a final mix: not for strangers, but the same everywhere.
pub struct Hasher(u64);

impl Hasher {
    pub fn new() -> Hasher {
        Hasher(0xcbf2_9ce4_8422_2325)
    }
    pub fn number(&mut self, number: u64) {
        self.0 = mix(self.0 ^ number).wrapping_mul(0x0000_0100_0000_01b3);
    }
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    pub fn finish(&self) -> u64 {
        mix(self.0)
    }
}

/// splitmix64's finaliser.
pub fn mix(number: u64) -> u64 {
    let mut out = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    out = (out ^ (out >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    out = (out ^ (out >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    out ^ (out >> 31)
}
