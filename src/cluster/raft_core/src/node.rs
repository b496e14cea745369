//! One member's state machine: the crate, and the rules by which it is driven. docs/cluster.md lists the rules.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use prost::Message as _;
use raft::eraftpb::{ConfChange, ConfChangeSingle, ConfChangeType, ConfState, Entry, EntryType, HardState, Message, MessageType};
use raft::{Changer, Config, ProgressState, RawNode, SnapshotStatus, StateRole, CAMPAIGN_TRANSFER};
use slog::{error, warn, Logger};

use crate::digest::{mix, Hasher};
use crate::storage::{kind_of, Kind, Offer, TagLog};
use crate::tag::Tag;

/// Faults that tests plant, one bit each; the table of them is in docs/cluster.md.
pub mod planted {
    pub const SEND_BEFORE_SYNC: u32 = 1 << 0;
    pub const APPEND_BEFORE_VOTE_SYNC: u32 = 1 << 1;
    pub const VOTE_AT_ONCE_AFTER_START: u32 = 1 << 2;
    pub const LEAD_ON_AFTER_TRANSFER: u32 = 1 << 3;
    pub const LEAD_ON_AFTER_REMOVAL: u32 = 1 << 4;
    pub const COMMIT_NOT_STORED: u32 = 1 << 5;
    pub const LONE_CAMPAIGN_UNSYNCED: u32 = 1 << 6;
    pub const BELIEVE_HEARTBEAT: u32 = 1 << 7;
    pub const CHANGE_UNCHECKED: u32 = 1 << 8;
    pub const TRUST_STORED_COMMIT: u32 = 1 << 9;
    pub const FORWARD_PROPOSALS: u32 = 1 << 10;
}

/// Longer than any election: a member whose timer shows this does not campaign.
const NEVER: usize = 1 << 30;
/// Upper limit of a configuration: members are given by people, one at a time.
const MAX_MEMBERS: usize = 64;

#[derive(Clone)]
pub struct Options {
    pub id: u64,
    pub seed: u64,
    pub heartbeat_ticks: u32,
    pub election_ticks: u32,
    pub margin_ticks: u32,
    pub rank: u32,
    pub rank_ticks: u32,
    pub late_ticks: u32,
    pub max_append_bytes: u64,
    pub max_inflight: u64,
    pub max_apply_entries: u64,
    pub planted_bugs: u32,
}

pub struct Start {
    pub hard: HardState,
    pub conf: Vec<u8>,
    pub base: (u64, u64),
    pub applied: u64,
    pub entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    NotLeader = 1,
    Busy = 2,
    Refused = 3,
    Dropped = 4,
    Garbled = 5,
    Amnesia = 6,
    Copy = 7,
}

#[derive(Clone, Copy)]
pub enum Change {
    AddLearner,
    Promote,
    Remove,
}

/// A copy that this member is asked to fetch.
#[derive(Default)]
pub struct CopyRequest {
    pub from: u64,
    pub index: u64,
    pub term: u64,
    pub conf: Vec<u8>,
}

pub struct Outgoing {
    pub to: u64,
    pub bulk: bool,
    pub bytes: Vec<u8>,
    /// Entries whose payload goes along; (0, 0) for none.
    pub first: u64,
    pub last: u64,
}

#[derive(Default)]
pub struct Actions {
    pub number: u64,
    pub hard: Option<HardState>,
    pub entries: Vec<Entry>,
    pub messages: Vec<Outgoing>,
    pub agreed: Vec<Entry>,
    pub rounds: Vec<u64>,
    pub copy_for: u64,
}

pub struct Member {
    pub matched: u64,
    pub next: u64,
    pub state: u8,
    pub active: bool,
    pub voter: bool,
}

struct Held {
    /// Leaves when everything up to this number is synced.
    number: u64,
    message: Message,
}

pub struct Node {
    options: Options,
    raw: RawNode<TagLog>,
    logger: Logger,
    /// Messages in the order in which the crate gave them, waiting for a sync.
    held: VecDeque<Held>,
    /// Term and vote as they were handed out last.
    last_vote: (u64, u64),
    /// Numbers handed out for syncing that are not persisted yet, and whether a new term or vote is among what they hold.
    unsynced: VecDeque<(u64, bool)>,
    last_ready: u64,
    agreed: VecDeque<Entry>,
    rounds: Vec<u64>,
    copy_for: u64,
    may_lead: bool,
    deaf_ticks: u32,
    campaigns: u64,
    /// Ticks since a round was confirmed, of a leader whose term has an agreed entry.
    silent_ticks: u32,
    transferring: bool,
    /// An order to lead, kept until the changes of members in the log are applied here.
    asked_to_lead: Option<Message>,
    /// The term in which TimeoutNow was sent: there is no lease in it any more.
    void_term: u64,
}

fn decode_conf(bytes: &[u8]) -> Result<ConfState, String> {
    let conf = ConfState::decode(bytes).map_err(|e| format!("configuration: {e}"))?;
    if conf.voters.is_empty() {
        return Err("configuration: no voters".into());
    }
    if conf.voters.len() + conf.learners.len() > MAX_MEMBERS {
        return Err("configuration: too many members".into());
    }
    if !conf.voters_outgoing.is_empty() || !conf.learners_next.is_empty() || conf.auto_leave {
        return Err("configuration: joint".into());
    }
    let mut ids: Vec<u64> = conf.voters.iter().chain(&conf.learners).copied().collect();
    ids.sort_unstable();
    if ids.first() == Some(&0) || ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("configuration: an id is 0 or there twice".into());
    }
    Ok(conf)
}

pub fn encode_conf(voters: &[u64], learners: &[u64]) -> Vec<u8> {
    let conf = ConfState { voters: voters.to_vec(), learners: learners.to_vec(), ..Default::default() };
    conf.encode_to_vec()
}

fn check_start(options: &Options, start: &Start) -> Result<(), String> {
    let (base_index, mut term) = start.base;
    let last = base_index + start.entries.len() as u64;
    for (entry, index) in start.entries.iter().zip(base_index + 1..) {
        if entry.index != index || entry.term < term {
            return Err(format!("entry {} of term {} does not follow", entry.index, entry.term));
        }
        term = entry.term;
    }
    if start.hard.term < term {
        return Err(format!("term {} is older than that of the last entry, {term}", start.hard.term));
    }
    if start.applied < base_index || start.applied > last {
        return Err(format!("applied {} is outside of the journal, {base_index} to {last}", start.applied));
    }
    if options.id == 0 || options.heartbeat_ticks == 0 || options.election_ticks <= options.heartbeat_ticks {
        return Err("id and times: out of range".into());
    }
    if options.max_inflight == 0 || options.max_apply_entries == 0 {
        return Err("limits must not be 0".into());
    }
    Ok(())
}

impl Node {
    pub fn open(options: Options, start: Start, logger: Logger) -> Result<Node, String> {
        check_start(&options, &start)?;
        let conf = decode_conf(&start.conf)?;
        let last = start.base.0 + start.entries.len() as u64;
        let mut hard = start.hard;
        if options.planted_bugs & planted::TRUST_STORED_COMMIT == 0 {
            hard.commit = start.applied.max(hard.commit.min(last));
        }
        let config = Config {
            id: options.id,
            election_tick: options.election_ticks as usize,
            heartbeat_tick: options.heartbeat_ticks as usize,
            applied: start.applied,
            max_size_per_msg: options.max_append_bytes,
            max_inflight_msgs: options.max_inflight as usize,
            check_quorum: true,
            pre_vote: true,
            min_election_tick: options.election_ticks as usize,
            max_election_tick: NEVER + 1,
            ..Default::default()
        };
        let stored_vote = (hard.term, hard.vote);
        let log = TagLog::new(hard, conf, start.base, start.entries, options.max_append_bytes);
        let raw = RawNode::new(&config, log, &logger).map_err(|e| e.to_string())?;
        let mut node = Node {
            deaf_ticks: options.election_ticks + 1,
            options,
            raw,
            logger,
            held: VecDeque::new(),
            last_vote: stored_vote,
            unsynced: VecDeque::new(),
            last_ready: 0,
            agreed: VecDeque::new(),
            rounds: Vec::new(),
            copy_for: 0,
            may_lead: true,
            campaigns: 0,
            silent_ticks: 0,
            transferring: false,
            asked_to_lead: None,
            void_term: 0,
        };
        node.set_timer();
        Ok(node)
    }

    fn planted(&self, bug: u32) -> bool {
        self.options.planted_bugs & bug != 0
    }

    pub fn role(&self) -> StateRole {
        self.raw.raft.state
    }
    pub fn leader(&self) -> u64 {
        self.raw.raft.leader_id
    }
    pub fn term(&self) -> u64 {
        self.raw.raft.term
    }
    pub fn commit(&self) -> u64 {
        self.raw.raft.raft_log.committed
    }
    pub fn lease_void(&self) -> bool {
        self.void_term == self.term() && !self.planted(planted::LEAD_ON_AFTER_TRANSFER)
    }

    fn is_leader(&self) -> bool {
        self.role() == StateRole::Leader
    }
    /// With its members in the order of their ids, so that equal configurations have equal bytes.
    fn conf(&self) -> ConfState {
        let mut conf = self.raw.raft.prs().conf().to_conf_state();
        conf.voters.sort_unstable();
        conf.learners.sort_unstable();
        conf
    }
    /// The only voter, this one.
    fn lone(&self) -> bool {
        let conf = self.conf();
        conf.voters == [self.options.id]
    }
    fn has_unsynced(&self) -> bool {
        !self.unsynced.is_empty() || !self.raw.raft.raft_log.unstable_entries().is_empty()
    }
    /// Of members, in the log and not applied here.
    fn has_unapplied_change(&self) -> bool {
        let log = &self.raw.raft.raft_log;
        log.applied() < log.last_index()
            && log
                .all_entries()
                .iter()
                .any(|entry| entry.index > log.applied() && entry.get_entry_type() != EntryType::EntryNormal)
    }
    fn vote_unsynced(&self) -> bool {
        self.unsynced.iter().any(|&(_, vote)| vote)
    }
    /// A lone voter is elected by its own campaign, before anything is synced: what is in its log must be by then.
    fn must_wait_for_sync(&self) -> bool {
        self.lone() && self.has_unsynced() && !self.planted(planted::LONE_CAMPAIGN_UNSYNCED)
    }

    /// The crate draws its timeouts from a generator without seed; nothing it drew is ever used.
    fn set_timer(&mut self) {
        let options = &self.options;
        let ticks = if !self.may_lead || self.must_wait_for_sync() {
            NEVER
        } else {
            let spread = u64::from(options.rank_ticks) * 3 / 8 + 1;
            let drawn = mix(options.seed ^ mix(options.id ^ mix(self.term() ^ mix(self.campaigns)))) % spread;
            (options.election_ticks + options.margin_ticks + options.rank * options.rank_ticks + options.late_ticks)
                as usize
                + drawn as usize
        };
        self.raw.raft.set_randomized_election_timeout(ticks);
    }

    /// After every call on the crate.
    fn settle(&mut self) {
        let sent = self.raw.raft.msgs.iter().any(|m| m.get_msg_type() == MessageType::MsgTimeoutNow);
        if sent {
            self.void_term = self.term();
        }
        if !self.is_leader() {
            self.transferring = false;
            self.silent_ticks = 0;
            self.end_copy();
        } else if self.transferring
            && self.raw.raft.lead_transferee.is_none()
            && !self.planted(planted::LEAD_ON_AFTER_TRANSFER)
        {
            // The crate would lead on, with a request for votes that ignores our lease perhaps under way.
            warn!(self.logger, "the lead was not taken over: stepping down");
            self.step_down_now();
        }
        self.set_timer();
    }

    fn step_down_now(&mut self) {
        let term = self.term();
        self.transferring = false;
        self.silent_ticks = 0;
        self.raw.raft.become_follower(term, 0);
        self.end_copy();
    }

    fn end_copy(&mut self) {
        let log = self.raw.mut_store();
        log.offer = None;
        log.offered_to = 0;
        let _ = log.take_copy_wanted_by();
        self.copy_for = 0;
    }

    pub fn tick(&mut self) {
        self.deaf_ticks = self.deaf_ticks.saturating_sub(1);
        let raft = &self.raw.raft;
        if !self.is_leader() && raft.election_elapsed + 1 >= raft.randomized_election_timeout() {
            self.campaigns += 1;
        }
        self.raw.tick();
        if self.is_leader() && self.raw.raft.commit_to_current_term() {
            self.silent_ticks += 1;
            if self.silent_ticks > self.options.election_ticks {
                warn!(self.logger, "no majority was heard for an election timeout: stepping down");
                self.step_down_now();
            }
        }
        self.settle();
    }

    /// `payloads`: the tags of what came along with the message, in the order of its entries.
    pub fn step(&mut self, bytes: &[u8], payloads: &[Tag], copy: &mut CopyRequest) -> Result<(), Refusal> {
        let message = Message::decode(bytes).map_err(|_| Refusal::Garbled)?;
        self.admit(&message, payloads, copy)?;
        if message.get_msg_type() == MessageType::MsgTimeoutNow && self.has_unapplied_change() {
            self.asked_to_lead = Some(message);
            return Ok(());
        }
        let out = self.raw.step(message).map_err(|_| Refusal::Dropped);
        self.settle();
        out
    }

    /// What the crate must not see, because it would believe it, forward it or end the process.
    fn admit(&self, message: &Message, payloads: &[Tag], copy: &mut CopyRequest) -> Result<(), Refusal> {
        use MessageType::*;
        if message.to != self.options.id || message.from == 0 || message.from == self.options.id || message.term == 0 {
            return Err(Refusal::Dropped);
        }
        match MessageType::from_i32(message.msg_type).ok_or(Refusal::Garbled)? {
            MsgRequestVote | MsgRequestPreVote => {
                let deaf = self.deaf_ticks > 0 && !self.planted(planted::VOTE_AT_ONCE_AFTER_START);
                if deaf && message.context != CAMPAIGN_TRANSFER {
                    return Err(Refusal::Dropped);
                }
            }
            MsgTimeoutNow => {
                if !self.may_lead || self.must_wait_for_sync() {
                    return Err(Refusal::Dropped);
                }
            }
            MsgHeartbeat => {
                let last = self.raw.raft.raft_log.last_index();
                if message.term >= self.term()
                    && message.commit > last
                    && !self.planted(planted::BELIEVE_HEARTBEAT)
                {
                    return Err(Refusal::Amnesia);
                }
                if self.leads_in(message.term) {
                    return Err(Refusal::Dropped);
                }
            }
            MsgAppend => {
                check_entries(message, payloads)?;
                if self.leads_in(message.term) {
                    return Err(Refusal::Dropped);
                }
            }
            MsgSnapshot => {
                if message.term < self.term() || self.leads_in(message.term) {
                    return Err(Refusal::Dropped);
                }
                let metadata = message.get_snapshot().get_metadata();
                let conf = metadata.get_conf_state();
                if !conf.voters.contains(&self.options.id) && !conf.learners.contains(&self.options.id) {
                    return Err(Refusal::Dropped);
                }
                *copy = CopyRequest {
                    from: message.from,
                    index: metadata.index,
                    term: metadata.term,
                    conf: conf.encode_to_vec(),
                };
                return Err(Refusal::Copy);
            }
            MsgPropose if self.planted(planted::FORWARD_PROPOSALS) => (),
            MsgAppendResponse | MsgHeartbeatResponse | MsgRequestVoteResponse | MsgRequestPreVoteResponse => (),
            _ => return Err(Refusal::Dropped),
        }
        Ok(())
    }

    fn leads_in(&self, term: u64) -> bool {
        self.is_leader() && term == self.term()
    }

    pub fn propose(&mut self, tag: Tag) -> Result<(u64, u64), Refusal> {
        self.propose_entry(EntryType::EntryNormal, tag.encode())
    }

    fn propose_entry(&mut self, kind: EntryType, data: Vec<u8>) -> Result<(u64, u64), Refusal> {
        if !self.is_leader() {
            return Err(Refusal::NotLeader);
        }
        if self.raw.raft.lead_transferee.is_some() {
            return Err(Refusal::Busy);
        }
        let mut entry = Entry { data, ..Default::default() };
        entry.set_entry_type(kind);
        let mut message = Message { from: self.options.id, entries: vec![entry], ..Default::default() };
        message.set_msg_type(MessageType::MsgPropose);
        let out = self.raw.raft.step(message);
        self.settle();
        out.map_err(|_| Refusal::NotLeader)?;
        Ok((self.raw.raft.raft_log.last_index(), self.term()))
    }

    /// The crate answers Ok to changes that it refuses, and appends an empty entry instead: so they are judged here.
    fn judge_change(&self, change: Change, id: u64, tells: bool) -> Result<ConfChangeType, Refusal> {
        if !self.is_leader() {
            return Err(Refusal::NotLeader);
        }
        if self.raw.raft.lead_transferee.is_some() || self.raw.raft.has_pending_conf() {
            return Err(Refusal::Busy);
        }
        if !self.raw.raft.commit_to_current_term() {
            return Err(Refusal::Busy);
        }
        let conf = self.conf();
        let (voter, learner) = (conf.voters.contains(&id), conf.learners.contains(&id));
        let full = conf.voters.len() + conf.learners.len() >= MAX_MEMBERS;
        match change {
            Change::AddLearner if id != 0 && !voter && !learner && !full => Ok(ConfChangeType::AddLearnerNode),
            // Somebody else keeps a vote: this member, which leads.
            Change::AddLearner if voter && id != self.options.id => Ok(ConfChangeType::AddLearnerNode),
            Change::Promote if learner => Ok(ConfChangeType::AddNode),
            // Who is that already: what is given along is all that changes.
            Change::AddLearner if learner && tells => Ok(ConfChangeType::AddLearnerNode),
            Change::Promote if voter && tells => Ok(ConfChangeType::AddNode),
            Change::Remove if learner || (voter && id != self.options.id) => Ok(ConfChangeType::RemoveNode),
            _ => Err(Refusal::Refused),
        }
    }

    pub fn change(&mut self, change: Change, id: u64, context: Vec<u8>) -> Result<(u64, u64), Refusal> {
        let kind = match self.judge_change(change, id, !context.is_empty()) {
            Err(_) if self.planted(planted::CHANGE_UNCHECKED) => match change {
                Change::AddLearner => ConfChangeType::AddLearnerNode,
                Change::Promote => ConfChangeType::AddNode,
                Change::Remove => ConfChangeType::RemoveNode,
            },
            judged => judged?,
        };
        let mut encoded = ConfChange { node_id: id, context, ..Default::default() };
        encoded.set_change_type(kind);
        self.propose_entry(EntryType::EntryConfChange, encoded.encode_to_vec())
    }

    /// What a change of an entry is about: kind, member, and what was given along with it.
    pub fn read_change(&self, bytes: &[u8]) -> Option<(Change, u64, Vec<u8>)> {
        let change = ConfChange::decode(bytes).ok()?;
        let kind = match change.get_change_type() {
            ConfChangeType::AddLearnerNode => Change::AddLearner,
            ConfChangeType::AddNode => Change::Promote,
            ConfChangeType::RemoveNode => Change::Remove,
        };
        Some((kind, change.node_id, change.context))
    }

    /// The configuration from now on, encoded. A change that cannot be carried out is none, on all members alike.
    pub fn apply_change(&mut self, bytes: &[u8]) -> Vec<u8> {
        match ConfChange::decode(bytes) {
            Ok(change) => self.carry_out(change),
            Err(failure) => error!(self.logger, "a change of members cannot be read"; "error" => %failure),
        }
        self.settle();
        self.conf().encode_to_vec()
    }

    fn carry_out(&mut self, change: ConfChange) {
        let single = ConfChangeSingle { node_id: change.node_id, change_type: change.change_type };
        let after = Changer::new(self.raw.raft.prs()).simple(&[single]);
        let Ok((after, _)) = after else {
            error!(self.logger, "a change of members is not possible and has no effect"; "member" => change.node_id);
            return;
        };
        let keeps_vote = after.to_conf_state().voters.contains(&self.options.id);
        if self.is_leader() && !keeps_vote && !self.planted(planted::LEAD_ON_AFTER_REMOVAL) {
            self.step_down_now();
        }
        if let Err(failure) = self.raw.apply_conf_change(&change) {
            error!(self.logger, "a change of members failed"; "error" => %failure);
        }
    }

    pub fn persisted(&mut self, number: u64) {
        while self.unsynced.front().is_some_and(|&(first, _)| first <= number) {
            self.unsynced.pop_front();
        }
        let synced = match self.unsynced.front() {
            Some(&(next, _)) => next - 1,
            None => self.last_ready,
        };
        self.raw.on_persist_ready(synced);
        self.settle();
    }

    pub fn applied(&mut self, index: u64) {
        self.raw.advance_apply_to(index);
        self.lead_when_asked();
        self.settle();
    }

    /// The crate ignores an order to lead before a change of members is applied, as the one that gave this member its vote so that it
    /// can be given the lead; whoever gave the order would step down in vain.
    fn lead_when_asked(&mut self) {
        if self.has_unapplied_change() {
            return;
        }
        let Some(asked) = self.asked_to_lead.take() else { return };
        if asked.term == self.term() && self.may_lead && !self.must_wait_for_sync() {
            let _ = self.raw.step(asked);
        }
    }

    pub fn compact(&mut self, index: u64) {
        let applied = self.raw.raft.raft_log.applied();
        assert!(index <= applied, "compaction at {index} above applied {applied}");
        if let Some(offer) = &self.raw.store().offer {
            assert!(index <= offer.index, "compaction at {index} above a copy at {}", offer.index);
        }
        self.raw.mut_store().compact(index);
    }

    pub fn probe(&mut self, round: u64) -> Result<(), Refusal> {
        if !self.is_leader() {
            return Err(Refusal::NotLeader);
        }
        if !self.raw.raft.commit_to_current_term() {
            return Err(Refusal::Busy);
        }
        self.raw.read_index(round.to_be_bytes().to_vec());
        self.settle();
        Ok(())
    }

    pub fn transfer(&mut self, to: u64) -> Result<(), Refusal> {
        if !self.is_leader() {
            return Err(Refusal::NotLeader);
        }
        if self.raw.raft.lead_transferee.is_some() {
            return Err(Refusal::Busy);
        }
        let conf = self.conf();
        if to == self.options.id || !conf.voters.contains(&to) {
            return Err(Refusal::Refused);
        }
        self.raw.transfer_leader(to);
        self.transferring = self.raw.raft.lead_transferee.is_some();
        self.settle();
        Ok(())
    }

    pub fn step_down(&mut self) {
        if self.is_leader() {
            self.step_down_now();
        }
        self.settle();
    }

    pub fn set_may_lead(&mut self, yes: bool) {
        self.may_lead = yes;
        self.settle();
    }

    pub fn unreachable(&mut self, id: u64) {
        self.raw.report_unreachable(id);
        self.settle();
    }

    /// Answers `copy_for`: the copy may be fetched from `index` on.
    pub fn copy_offer(&mut self, index: u64, term: u64, conf: &[u8]) {
        let to = self.copy_for;
        let Ok(conf) = decode_conf(conf) else {
            error!(self.logger, "a copy was offered without a configuration");
            return self.copied(to, false);
        };
        if !self.is_leader() || to == 0 {
            return;
        }
        let log = self.raw.mut_store();
        log.offered_to = to;
        log.offer = Some(Offer { index, term, conf });
        if self.raw.raft.prs().get(to).is_some() {
            self.raw.raft.send_append(to);
        }
        self.settle();
    }

    pub fn copied(&mut self, id: u64, ok: bool) {
        if self.raw.store().offered_to == id || self.copy_for == id {
            self.end_copy();
        }
        let status = if ok { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.raw.report_snapshot(id, status);
        self.settle();
    }

    pub fn member(&self, id: u64) -> Option<Member> {
        let progress = self.raw.raft.prs().get(id)?;
        Some(Member {
            matched: progress.matched,
            next: progress.next_idx,
            state: match progress.state {
                ProgressState::Probe => 0,
                ProgressState::Replicate => 1,
                ProgressState::Snapshot => 2,
            },
            active: progress.recent_active,
            voter: self.conf().voters.contains(&id),
        })
    }

    pub fn term_at(&self, index: u64) -> u64 {
        self.raw.raft.raft_log.term(index).unwrap_or(0)
    }

    /// Everything since the last take. The order of what happens in here is the contract of the crate.
    pub fn take(&mut self) -> Actions {
        let mut out = Actions::default();
        while self.raw.has_ready() {
            self.take_ready(&mut out);
        }
        if self.unsynced.is_empty() && self.last_ready != 0 {
            self.raw.on_persist_ready(self.last_ready); // nothing of these was to be synced
        }
        if out.number != 0 {
            out.hard = Some(self.hard_to_store());
        }
        self.release(&mut out);
        while (out.agreed.len() as u64) < self.options.max_apply_entries {
            let Some(entry) = self.agreed.pop_front() else { break };
            out.agreed.push(entry);
        }
        out.rounds = std::mem::take(&mut self.rounds);
        let wanted = self.raw.store().take_copy_wanted_by();
        if wanted != 0 && self.is_leader() && self.copy_for == 0 {
            self.copy_for = wanted;
            out.copy_for = wanted;
        }
        out
    }

    fn hard_to_store(&self) -> HardState {
        let mut hard = self.raw.raft.hard_state();
        if self.planted(planted::COMMIT_NOT_STORED) {
            hard.commit = 0;
        }
        hard
    }

    fn take_ready(&mut self, out: &mut Actions) {
        let mut ready = self.raw.ready();
        assert!(ready.snapshot().is_empty(), "a snapshot reached the core");
        self.last_ready = ready.number();
        let entries = ready.take_entries();
        self.raw.mut_store().append(&entries);
        out.entries.extend(entries);
        if ready.must_sync() {
            // `must_sync` is true for entries as well; the crate does not say which of both it was.
            let vote = ready.hs().is_some_and(|hard| (hard.term, hard.vote) != self.last_vote);
            self.unsynced.push_back((ready.number(), vote));
            out.number = ready.number();
        }
        if let Some(hard) = ready.hs() {
            self.last_vote = (hard.term, hard.vote);
            out.hard = Some(self.hard_to_store());
        }
        for message in ready.take_messages() {
            let number = if self.vote_unsynced() && !self.planted(planted::APPEND_BEFORE_VOTE_SYNC) {
                self.last_ready
            } else {
                0
            };
            self.held.push_back(Held { number, message });
        }
        for message in ready.take_persisted_messages() {
            let promises_nothing = message.get_msg_type() == MessageType::MsgHeartbeatResponse;
            let at_once = promises_nothing && !self.vote_unsynced() || self.planted(planted::SEND_BEFORE_SYNC);
            let number = if at_once { 0 } else { self.last_ready };
            self.held.push_back(Held { number, message });
        }
        self.agreed.extend(ready.take_committed_entries());
        for state in ready.take_read_states() {
            if let Ok(round) = state.request_ctx.as_slice().try_into() {
                self.rounds.push(u64::from_be_bytes(round));
                self.silent_ticks = 0;
            }
        }
        self.raw.advance_append_async(ready);
    }

    fn release(&mut self, out: &mut Actions) {
        let synced = self.unsynced.front().map_or(u64::MAX, |&(next, _)| next - 1);
        let held = std::mem::take(&mut self.held);
        for waiting in held {
            if waiting.number <= synced {
                out.messages.push(outgoing(waiting.message));
            } else {
                self.held.push_back(waiting);
            }
        }
    }

    pub fn digest(&self) -> u64 {
        let raft = &self.raw.raft;
        let mut hash = Hasher::new();
        for number in [
            raft.term,
            raft.vote,
            raft.raft_log.committed,
            raft.raft_log.persisted,
            raft.raft_log.applied(),
            raft.state as u64,
            raft.leader_id,
            raft.election_elapsed as u64,
            raft.heartbeat_elapsed() as u64,
            raft.randomized_election_timeout() as u64,
            raft.lead_transferee.unwrap_or(0),
            raft.pending_conf_index,
            self.raw.store().base(),
            self.deaf_ticks as u64,
            self.silent_ticks as u64,
            self.campaigns,
            u64::from(self.transferring) + 2 * u64::from(self.lease_void()) + 4 * u64::from(self.may_lead),
            self.copy_for,
            u64::from(self.asked_to_lead.is_some()),
        ] {
            hash.number(number);
        }
        for entry in raft.raft_log.all_entries() {
            hash.number(entry.term);
            hash.bytes(&entry.data);
        }
        let mut progress: Vec<_> = raft.prs().iter().collect();
        progress.sort_by_key(|(id, _)| **id);
        for (id, one) in progress {
            let state = one.state as u64 + 4 * u64::from(one.paused) + 8 * u64::from(one.recent_active);
            for number in [*id, one.matched, one.next_idx, state, one.ins.count() as u64] {
                hash.number(number);
            }
        }
        let (granted, rejected, _) = raft.prs().tally_votes();
        hash.number(granted as u64 * 64 + rejected as u64);
        hash.number(raft.read_only.pending_read_count() as u64);
        hash.bytes(&self.conf().encode_to_vec());
        for waiting in &self.held {
            hash.number(self.last_ready - waiting.number.min(self.last_ready));
            hash.bytes(&waiting.message.encode_to_vec());
        }
        for (number, vote) in &self.unsynced {
            hash.number((self.last_ready - number) * 2 + u64::from(*vote));
        }
        hash.number(self.agreed.len() as u64);
        hash.finish()
    }
}

/// Everything that a message brings to be stored must be whole, in order and of a kind that is known.
fn check_entries(message: &Message, payloads: &[Tag]) -> Result<(), Refusal> {
    let mut brought = payloads.iter();
    let mut term = message.log_term;
    for (entry, index) in message.entries.iter().zip(message.index + 1..) {
        if entry.index != index || entry.term < term || entry.term > message.term {
            return Err(Refusal::Garbled);
        }
        term = entry.term;
        match kind_of(entry) {
            Kind::Empty => (),
            Kind::Change if entry.get_entry_type() == EntryType::EntryConfChange => (),
            Kind::Change => return Err(Refusal::Garbled),
            Kind::Data => {
                let tag = Tag::decode(&entry.data).ok_or(Refusal::Garbled)?;
                if brought.next() != Some(&tag) {
                    return Err(Refusal::Garbled);
                }
            }
        }
    }
    Ok(())
}

fn outgoing(message: Message) -> Outgoing {
    let carries = |entry: &&Entry| kind_of(entry) == Kind::Data;
    let first = message.entries.iter().find(carries).map_or(0, |entry| entry.index);
    let last = message.entries.iter().rev().find(carries).map_or(0, |entry| entry.index);
    let bulk = matches!(message.get_msg_type(), MessageType::MsgAppend | MessageType::MsgSnapshot);
    Outgoing { to: message.to, bulk, bytes: message.encode_to_vec(), first, last }
}
