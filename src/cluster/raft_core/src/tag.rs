//! What stands for a payload in the log: its length and its XXH3-128.
#![forbid(unsafe_code)]

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tag {
    pub size: u64,
    pub hash_low: u64,
    pub hash_high: u64,
}

pub const TAG_SIZE: usize = 24;

impl Tag {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TAG_SIZE);
        for number in [self.size, self.hash_low, self.hash_high] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Option<Tag> {
        if bytes.len() != TAG_SIZE {
            return None;
        }
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Some(Tag { size: number(0), hash_low: number(8), hash_high: number(16) })
    }
}
