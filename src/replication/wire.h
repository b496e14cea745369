// The replication stream as bytes: records, one a line, packed into compressed frames (docs/replication.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace mullion::replication {

inline constexpr uint64_t kProtocol = 1;
/// Feature of a sink's `hello`: changes of what a copy brought already may come before the copy ends.
inline constexpr std::string_view kChangesInCopies = "changes-in-copies";
/// Feature of sources: what those behind them say of collections that are held up is passed on.
inline constexpr std::string_view kHeldUpCollections = "held-up-collections";
/// Largest frame after decompression, bytes; a peer that sends more is broken.
inline constexpr size_t kMaxFrame = size_t{64} << 20;
/// A frame is sent when its text reaches this size, so that neither side holds more than a little.
inline constexpr size_t kFrameTarget = size_t{256} << 10;

/// A collection that the endpoint next to the owner cannot be asked for: its objects are older than the rest
/// of the owner's replica.
struct HeldUpCollection {
  std::string collection;  // its prefix
  double age_seconds = 0;
  std::string reason;
  bool operator==(const HeldUpCollection&) const = default;
};
/// Of one owner, and of all; a source that tells of more, or of longer names, is broken.
inline constexpr size_t kMostHeldUp = 500;
inline constexpr size_t kMostHeldUpOfAll = 20'000;
inline constexpr size_t kLongestCollection = 255;
/// Bytes of a reason that are passed on.
inline constexpr size_t kLongestHeldUpReason = 200;

/// An owner that can be followed through the source.
struct Announcement {
  std::string owner;
  /// The endpoints that pass its commits on, nearest to the owner first, the source last; empty for the
  /// source itself.
  std::vector<std::string> via;
  bool in_touch = true;    // whether the source's own replica follows its owner right now
  double age_seconds = 0;  // how old the source's replica is, in touch or not
  std::string reason;      // why it is not in touch
  /// Fingerprint of the certificate that the owner shows to the endpoint next to it, 64 hexadecimal digits,
  /// as that endpoint and those behind it tell it; empty: unknown, and for the source itself, which one sees.
  std::string certificate;
  /// The endpoint on the way whose copy of the owner this is and that does not tell how old its copy is: ages
  /// are counted from what it shows, and the replica may be older than they say. Empty: ages are true.
  std::string untold_by = {};
  /// By collection. A peer that does not know of it says nothing: then there are none.
  std::vector<HeldUpCollection> held_up = {};
  bool operator==(const Announcement&) const = default;
};

/// An owner that the sink wants to follow.
struct Subscription {
  std::string owner;
  /// Followed on this log up to the cursor of the stream: only later commits are wanted.
  bool follows = false;
  /// Where the sink's replica stands in the owner's own log, when it has one.
  std::optional<store::Cursor> replica;
};

struct Hello {
  uint64_t protocol = kProtocol;
  std::string id, version;
  uint64_t epoch = 0, newest = 0;
  std::vector<std::string> features;
};
struct Owners {
  std::vector<Announcement> owners;
};
struct Subscribe {
  std::vector<Subscription> owners;
};
/// The owner's replica needs no copy; its digests are to be checked.
struct Resume {
  std::string owner;
  std::vector<store::TypeDigest> digests;
};
struct SnapshotBegin {
  std::string owner;
  store::Cursor origin;  // what the copy holds, in the owner's log
};
/// One object of a snapshot or a fetched range, in (type, key) order. `body` points into the frame.
struct Object {
  std::string type, key;
  std::string_view body;
};
struct SnapshotEnd {
  std::string owner;
  uint64_t seq = 0;  // place in the source's log
  std::vector<store::TypeDigest> digests;
};
/// A change of the commit whose record follows; without body it is a deletion.
struct Change {
  std::string type, key;
  std::optional<std::string_view> body;
};
struct Commit {
  uint64_t seq = 0;  // place in the source's log
  std::string owner;
  store::Cursor origin;
  std::vector<store::TypeDigest> digests;
};
/// The stream stands at `seq`. The first one answers the first subscription. `restart`: what was followed
/// before is not complete here, because the cursor could not be honoured; resumes or copies of every owner
/// come next.
struct At {
  uint64_t seq = 0;
  bool restart = false;
};
/// What is not an object: JSON text of model::EndpointState.
struct State {
  std::string json;
};
struct Ack {
  uint64_t seq = 0;
};
struct OwnerAge {
  std::string owner;
  double seconds = 0;
  bool operator==(const OwnerAge&) const = default;
};
struct OwnerHeldUp {
  std::string owner;
  HeldUpCollection what;
  bool operator==(const OwnerHeldUp&) const = default;
};
struct Ping {
  uint64_t newest = 0;  // the sender's newest seq
  int64_t clock = 0;    // the sender's wall clock, ns since 1970
  /// Of a sink: a number that the source sends back at once. Of a source: the last number it received; what
  /// the record says was true after that had been sent. 0: none.
  uint64_t stamp = 0;
  /// Of a source: no replica here that can be followed is older than `age` seconds, but those in `ages`.
  /// Absent: a source that tells ages in `owners` only.
  std::optional<double> age;
  std::vector<OwnerAge> ages;
  /// Of a source, with `age`: every collection that is older than its owner's replica.
  std::vector<OwnerHeldUp> held_up = {};
};
/// The sink's replica of a type differs: which ranges of keys do?
struct Compare {
  std::string owner, type;
};
struct KeyRange {
  std::string from, to;  // from <= key < to; empty `to`: no end
  Digest digest;
  bool operator==(const KeyRange&) const = default;
};
struct Ranges {
  std::string owner, type;
  std::vector<KeyRange> ranges;  // adjacent, covering every key
};
struct Fetch {
  std::string owner, type, from, to;
};
struct RangeBegin {
  std::string owner, type, from, to;
};
struct RangeEnd {
  std::string owner, type;
  uint64_t seq = 0;
  std::vector<store::TypeDigest> digests;  // of the whole type
};
/// A record of a newer peer: skipped.
struct Unknown {};

using Record =
    std::variant<Hello, Owners, Subscribe, Resume, SnapshotBegin, Object, SnapshotEnd, Change, Commit, At,
                 State, Ack, Ping, Compare, Ranges, Fetch, RangeBegin, RangeEnd, Unknown>;

/// Where more collections are held up, or have longer names, than peers take, their owner is said to be as
/// old as the oldest of them instead.
void keep_within_limits(std::vector<Announcement>& announced);

/// Collects records into one frame. Not thread-safe.
class FrameWriter {
 public:
  void add(const Record& record);
  bool empty() const { return text_.empty(); }
  bool full() const { return text_.size() >= kFrameTarget; }
  /// The compressed frame; the writer is empty again.
  std::string take();

 private:
  std::string text_;
};

/// Takes a received frame apart. Not thread-safe.
class FrameReader {
 public:
  /// kCorrupt: not a frame of this protocol.
  static Result<FrameReader> open(std::string_view frame);
  /// The next record, or absent at the end. Views in it stay valid as long as the reader. kCorrupt: a record
  /// that breaks its rules, or a body that is not a JSON object as an endpoint may store it.
  Result<std::optional<Record>> next();

 private:
  FrameReader() = default;
  std::unique_ptr<char[]> text_;
  std::string_view rest_;
};

/// Whether objects of `type` travel: all but those that the schema keeps at home. Unknown types do.
bool is_replicated(std::string_view type);

}  // namespace mullion::replication
