//! The C boundary of the consensus core; raft_core.h has the contract of every function. All unsafe code of the crate is
//! in here and in log.rs: pointers of the caller become slices, results become arrays that live until the next call.
#![deny(unsafe_op_in_unsafe_fn)]

mod digest;
mod log;
mod node;
mod storage;
mod tag;

use std::os::raw::{c_char, c_int, c_void};
use std::ptr;

use raft::eraftpb::{Entry, EntryType, HardState};
use raft::StateRole;
use slog::{o, Logger};

use crate::log::{speak_to, tell_panics, Callback, Sink};
use crate::node::{encode_conf, Actions, Change, CopyRequest, Node, Options, Refusal, Start};
use crate::storage::{kind_of, Kind};
use crate::tag::Tag;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CBytes {
    data: *const u8,
    size: usize,
}

const NO_BYTES: CBytes = CBytes { data: ptr::null(), size: 0 };

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct CTag {
    size: u64,
    hash_low: u64,
    hash_high: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CEntry {
    index: u64,
    term: u64,
    kind: c_int,
    tag: CTag,
    change: CBytes,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct CHard {
    term: u64,
    vote: u64,
    commit: u64,
}

#[repr(C)]
pub struct COptions {
    id: u64,
    seed: u64,
    heartbeat_ticks: u32,
    election_ticks: u32,
    margin_ticks: u32,
    rank: u32,
    rank_ticks: u32,
    late_ticks: u32,
    max_append_bytes: u64,
    max_inflight: u64,
    max_apply_entries: u64,
    planted_bugs: u32,
}

#[repr(C)]
pub struct CStart {
    hard: CHard,
    conf: CBytes,
    base_index: u64,
    base_term: u64,
    applied: u64,
    entries: *const CEntry,
    count: usize,
}

#[repr(C)]
pub struct CMessage {
    to: u64,
    bulk: u8,
    bytes: CBytes,
    first: u64,
    last: u64,
}

#[repr(C)]
pub struct CActions {
    number: u64,
    has_hard: u8,
    hard: CHard,
    entries: *const CEntry,
    entry_count: usize,
    messages: *const CMessage,
    message_count: usize,
    agreed: *const CEntry,
    agreed_count: usize,
    rounds: *const u64,
    round_count: usize,
    role: c_int,
    leader: u64,
    term: u64,
    commit: u64,
    lease_void: u8,
    copy_for: u64,
}

#[repr(C)]
pub struct CMember {
    matched: u64,
    next: u64,
    state: u8,
    active: u8,
    voter: u8,
}

#[repr(C)]
pub struct CCopy {
    from: u64,
    index: u64,
    term: u64,
    conf: CBytes,
}

/// A node and the results of the last call on it.
pub struct Owned {
    node: Node,
    sink: Sink,
    taken: Actions,
    entries: Vec<CEntry>,
    agreed: Vec<CEntry>,
    messages: Vec<CMessage>,
    conf: Vec<u8>,
    copy: CopyRequest,
}

/// # Safety
/// `items` is null or points to `count` values that nobody changes during the call.
unsafe fn slice<'a, T>(items: *const T, count: usize) -> &'a [T] {
    if items.is_null() || count == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(items, count) }
}

/// # Safety
/// As for `slice`.
unsafe fn bytes<'a>(bytes: CBytes) -> &'a [u8] {
    unsafe { slice(bytes.data, bytes.size) }
}

/// # Safety
/// `node` came from `raft_core_open`, was not closed, and no other call on it is under way.
unsafe fn owned<'a>(node: *mut Owned) -> &'a mut Owned {
    assert!(!node.is_null(), "a call without a node");
    let owned = unsafe { &mut *node };
    speak_to(owned.sink);
    owned
}

fn view(bytes: &[u8]) -> CBytes {
    CBytes { data: bytes.as_ptr(), size: bytes.len() }
}

fn to_tag(tag: CTag) -> Tag {
    Tag { size: tag.size, hash_low: tag.hash_low, hash_high: tag.hash_high }
}

/// The bytes that it shows are those of `entry`, wherever the entry itself goes.
fn show_entry(entry: &Entry) -> CEntry {
    let kind = kind_of(entry);
    let tag = Tag::decode(&entry.data).filter(|_| kind == Kind::Data).unwrap_or_default();
    CEntry {
        index: entry.index,
        term: entry.term,
        kind: kind as c_int,
        tag: CTag { size: tag.size, hash_low: tag.hash_low, hash_high: tag.hash_high },
        change: if kind == Kind::Change { view(&entry.data) } else { NO_BYTES },
    }
}

/// # Safety
/// The change of `entry` is readable.
unsafe fn read_entry(entry: &CEntry) -> Entry {
    let mut out = Entry { index: entry.index, term: entry.term, ..Default::default() };
    if entry.kind == Kind::Data as c_int {
        out.data = to_tag(entry.tag).encode();
    } else if entry.kind == Kind::Change as c_int {
        out.data = unsafe { bytes(entry.change) }.to_vec();
        out.set_entry_type(EntryType::EntryConfChange);
    }
    out
}

fn show_hard(hard: &HardState) -> CHard {
    CHard { term: hard.term, vote: hard.vote, commit: hard.commit }
}

fn status(result: Result<(), Refusal>) -> c_int {
    result.map_or_else(|refusal| refusal as c_int, |()| 0)
}

/// # Safety
/// `index` and `term` are writable.
unsafe fn place(result: Result<(u64, u64), Refusal>, index: *mut u64, term: *mut u64) -> c_int {
    status(result.map(|(at, of)| unsafe {
        *index = at;
        *term = of;
    }))
}

/// # Safety
/// See raft_core.h; so for every function below.
#[no_mangle]
pub unsafe extern "C" fn raft_core_open(
    options: *const COptions,
    start: *const CStart,
    callback: Option<Callback>,
    context: *mut c_void,
    error: *mut c_char,
    error_size: usize,
) -> *mut Owned {
    tell_panics();
    let sink = Sink::new(callback, context);
    speak_to(sink);
    let (from, start) = unsafe { (&*options, &*start) };
    let options = Options {
        id: from.id,
        seed: from.seed,
        heartbeat_ticks: from.heartbeat_ticks,
        election_ticks: from.election_ticks,
        margin_ticks: from.margin_ticks,
        rank: from.rank,
        rank_ticks: from.rank_ticks,
        late_ticks: from.late_ticks,
        max_append_bytes: from.max_append_bytes,
        max_inflight: from.max_inflight,
        max_apply_entries: from.max_apply_entries,
        planted_bugs: from.planted_bugs,
    };
    let entries = unsafe { slice(start.entries, start.count) };
    let begin = Start {
        hard: HardState { term: start.hard.term, vote: start.hard.vote, commit: start.hard.commit },
        conf: unsafe { bytes(start.conf) }.to_vec(),
        base: (start.base_index, start.base_term),
        applied: start.applied,
        entries: entries.iter().map(|entry| unsafe { read_entry(entry) }).collect(),
    };
    match Node::open(options, begin, Logger::root(sink, o!())) {
        Ok(node) => Box::into_raw(Box::new(Owned {
            node,
            sink,
            taken: Actions::default(),
            entries: Vec::new(),
            agreed: Vec::new(),
            messages: Vec::new(),
            conf: Vec::new(),
            copy: CopyRequest::default(),
        })),
        Err(text) => {
            if error_size > 0 {
                let size = text.len().min(error_size - 1);
                unsafe {
                    ptr::copy_nonoverlapping(text.as_ptr(), error.cast::<u8>(), size);
                    *error.add(size) = 0;
                }
            }
            ptr::null_mut()
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_close(node: *mut Owned) {
    if !node.is_null() {
        drop(unsafe { Box::from_raw(node) });
    }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_take(node: *mut Owned, out: *mut CActions) {
    let owned = unsafe { owned(node) };
    owned.taken = owned.node.take();
    let taken = &owned.taken;
    owned.entries = taken.entries.iter().map(show_entry).collect();
    owned.agreed = taken.agreed.iter().map(show_entry).collect();
    let show_message = |message: &node::Outgoing| CMessage {
        to: message.to,
        bulk: u8::from(message.bulk),
        bytes: view(&message.bytes),
        first: message.first,
        last: message.last,
    };
    owned.messages = taken.messages.iter().map(show_message).collect();
    let actions = CActions {
        number: taken.number,
        has_hard: u8::from(taken.hard.is_some()),
        hard: taken.hard.as_ref().map(show_hard).unwrap_or_default(),
        entries: owned.entries.as_ptr(),
        entry_count: owned.entries.len(),
        messages: owned.messages.as_ptr(),
        message_count: owned.messages.len(),
        agreed: owned.agreed.as_ptr(),
        agreed_count: owned.agreed.len(),
        rounds: taken.rounds.as_ptr(),
        round_count: taken.rounds.len(),
        role: match owned.node.role() {
            StateRole::Follower => 0,
            StateRole::PreCandidate => 1,
            StateRole::Candidate => 2,
            StateRole::Leader => 3,
        },
        leader: owned.node.leader(),
        term: owned.node.term(),
        commit: owned.node.commit(),
        lease_void: u8::from(owned.node.lease_void()),
        copy_for: taken.copy_for,
    };
    unsafe { out.write(actions) };
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_tick(node: *mut Owned) {
    unsafe { owned(node) }.node.tick();
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_step(
    node: *mut Owned,
    message: CBytes,
    payloads: *const CTag,
    payload_count: usize,
    copy: *mut CCopy,
) -> c_int {
    let owned = unsafe { owned(node) };
    let payloads: Vec<Tag> = unsafe { slice(payloads, payload_count) }.iter().copied().map(to_tag).collect();
    let result = owned.node.step(unsafe { bytes(message) }, &payloads, &mut owned.copy);
    if result == Err(Refusal::Copy) && !copy.is_null() {
        let asked = &owned.copy;
        unsafe { copy.write(CCopy { from: asked.from, index: asked.index, term: asked.term, conf: view(&asked.conf) }) };
    }
    status(result)
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_propose(node: *mut Owned, tag: CTag, index: *mut u64, term: *mut u64) -> c_int {
    let result = unsafe { owned(node) }.node.propose(to_tag(tag));
    unsafe { place(result, index, term) }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_change(
    node: *mut Owned,
    kind: c_int,
    id: u64,
    context: CBytes,
    index: *mut u64,
    term: *mut u64,
) -> c_int {
    let change = match kind {
        0 => Change::AddLearner,
        1 => Change::Promote,
        2 => Change::Remove,
        _ => return Refusal::Refused as c_int,
    };
    let result = unsafe { owned(node) }.node.change(change, id, unsafe { bytes(context) }.to_vec());
    unsafe { place(result, index, term) }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_apply_change(node: *mut Owned, change: CBytes) -> CBytes {
    let owned = unsafe { owned(node) };
    owned.conf = owned.node.apply_change(unsafe { bytes(change) });
    view(&owned.conf)
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_read_change(
    node: *mut Owned,
    change: CBytes,
    kind: *mut c_int,
    id: *mut u64,
    context: *mut CBytes,
) -> c_int {
    let owned = unsafe { owned(node) };
    let Some((read, member, given)) = owned.node.read_change(unsafe { bytes(change) }) else { return 0 };
    owned.conf = given;
    unsafe {
        *kind = read as c_int;
        *id = member;
        *context = view(&owned.conf);
    }
    1
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_persisted(node: *mut Owned, number: u64) {
    unsafe { owned(node) }.node.persisted(number);
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_applied(node: *mut Owned, index: u64) {
    unsafe { owned(node) }.node.applied(index);
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_compact(node: *mut Owned, index: u64) {
    unsafe { owned(node) }.node.compact(index);
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_probe(node: *mut Owned, round: u64) -> c_int {
    status(unsafe { owned(node) }.node.probe(round))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_transfer(node: *mut Owned, to: u64) -> c_int {
    status(unsafe { owned(node) }.node.transfer(to))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_step_down(node: *mut Owned) {
    unsafe { owned(node) }.node.step_down();
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_may_lead(node: *mut Owned, yes: c_int) {
    unsafe { owned(node) }.node.set_may_lead(yes != 0);
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_unreachable(node: *mut Owned, id: u64) {
    unsafe { owned(node) }.node.unreachable(id);
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_copy_offer(node: *mut Owned, index: u64, term: u64, conf: CBytes) {
    unsafe { owned(node) }.node.copy_offer(index, term, unsafe { bytes(conf) });
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_copied(node: *mut Owned, id: u64, ok: c_int) {
    unsafe { owned(node) }.node.copied(id, ok != 0);
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_member(node: *mut Owned, id: u64, out: *mut CMember) -> c_int {
    let Some(member) = unsafe { owned(node) }.node.member(id) else { return 0 };
    let shown = CMember {
        matched: member.matched,
        next: member.next,
        state: member.state,
        active: u8::from(member.active),
        voter: u8::from(member.voter),
    };
    unsafe { out.write(shown) };
    1
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_term_at(node: *mut Owned, index: u64) -> u64 {
    unsafe { owned(node) }.node.term_at(index)
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_encode_conf(
    voters: *const u64,
    voter_count: usize,
    learners: *const u64,
    learner_count: usize,
    out: *mut u8,
    size: usize,
) -> usize {
    let conf = encode_conf(unsafe { slice(voters, voter_count) }, unsafe { slice(learners, learner_count) });
    if conf.len() <= size {
        unsafe { ptr::copy_nonoverlapping(conf.as_ptr(), out, conf.len()) };
    }
    conf.len()
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_digest(node: *mut Owned) -> u64 {
    unsafe { owned(node) }.node.digest()
}
