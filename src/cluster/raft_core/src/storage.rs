//! The log as the crate reads it: tags in memory. What was synced is known to the journal, not here.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};

use crate::tag::Tag;

/// A copy that the leader may offer to a member which is behind the base.
#[derive(Clone)]
pub struct Offer {
    pub index: u64,
    pub term: u64,
    pub conf: ConfState,
}

pub struct TagLog {
    hard: HardState,
    conf: ConfState,
    base_index: u64,
    base_term: u64,
    entries: VecDeque<Entry>,
    max_append_bytes: u64,
    /// Who asked for entries that are no longer here.
    copy_wanted_by: Cell<u64>,
    /// Who may be given the offer; 0: nobody.
    pub offered_to: u64,
    pub offer: Option<Offer>,
}

impl TagLog {
    pub fn new(
        hard: HardState,
        conf: ConfState,
        base: (u64, u64),
        entries: Vec<Entry>,
        max_append_bytes: u64,
    ) -> TagLog {
        TagLog {
            hard,
            conf,
            base_index: base.0,
            base_term: base.1,
            entries: entries.into(),
            max_append_bytes,
            copy_wanted_by: Cell::new(0),
            offered_to: 0,
            offer: None,
        }
    }

    pub fn base(&self) -> u64 {
        self.base_index
    }

    pub fn last(&self) -> u64 {
        self.base_index + self.entries.len() as u64
    }

    /// An index that exists already cuts everything from there on.
    pub fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        assert!(
            first.index > self.base_index && first.index <= self.last() + 1,
            "entry {} does not follow {}..{}",
            first.index,
            self.base_index,
            self.last()
        );
        self.entries.truncate((first.index - self.base_index - 1) as usize);
        self.entries.extend(entries.iter().cloned());
    }

    /// Forgets entries up to and with `index`, which stays known by its term.
    pub fn compact(&mut self, index: u64) {
        assert!(index <= self.last(), "compaction at {} beyond {}", index, self.last());
        while self.base_index < index {
            let gone = self.entries.pop_front().expect("an entry above the base");
            self.base_index = gone.index;
            self.base_term = gone.term;
        }
    }

    pub fn take_copy_wanted_by(&self) -> u64 {
        self.copy_wanted_by.take()
    }
}

impl Storage for TagLog {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(RaftState::new(self.hard.clone(), self.conf.clone()))
    }

    /// Only what is sent is limited by its payload; every other caller must get all it asks for.
    fn entries(
        &self,
        low: u64,
        high: u64,
        _max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        if low <= self.base_index {
            return Err(Error::Store(StorageError::Compacted));
        }
        if high > self.last() + 1 {
            return Err(Error::Store(StorageError::Unavailable));
        }
        let mut out = Vec::with_capacity((high - low) as usize);
        let mut bytes = 0;
        for entry in self
            .entries
            .range((low - self.base_index - 1) as usize..(high - self.base_index - 1) as usize)
        {
            bytes += Tag::decode(&entry.data).map_or(entry.data.len() as u64, |tag| tag.size);
            if context.can_async() && bytes > self.max_append_bytes && !out.is_empty() {
                break;
            }
            out.push(entry.clone());
        }
        Ok(out)
    }

    fn term(&self, index: u64) -> Result<u64> {
        if index == self.base_index {
            return Ok(self.base_term);
        }
        if index < self.base_index {
            return Err(Error::Store(StorageError::Compacted));
        }
        match self.entries.get((index - self.base_index - 1) as usize) {
            Some(entry) => Ok(entry.term),
            None => Err(Error::Store(StorageError::Unavailable)),
        }
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.base_index + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last())
    }

    /// Metadata alone: the member fetches the copy by itself.
    fn snapshot(&self, request_index: u64, to: u64) -> Result<Snapshot> {
        match &self.offer {
            Some(offer) if self.offered_to == to && offer.index >= request_index => {
                let mut snapshot = Snapshot::default();
                let metadata = snapshot.mut_metadata();
                metadata.index = offer.index;
                metadata.term = offer.term;
                metadata.set_conf_state(offer.conf.clone());
                Ok(snapshot)
            }
            _ => {
                if self.offered_to == 0 {
                    self.copy_wanted_by.set(to);
                }
                Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
            }
        }
    }
}

/// What an entry of the crate is to those outside.
pub fn kind_of(entry: &Entry) -> Kind {
    match entry.get_entry_type() {
        EntryType::EntryNormal if entry.data.is_empty() => Kind::Empty,
        EntryType::EntryNormal => Kind::Data,
        _ => Kind::Change,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Data = 0,
    Change = 1,
    Empty = 2,
}
