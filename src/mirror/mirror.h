// Keeps replicas of an endpoint by its public API alone: lists, objects, and events as hints.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mirror/limits.h"
#include "mirror/shortcomings.h"
#include "net/link.h"
#include "replication/sink.h"

namespace mullion::mirror {

/// The value of `Authorization` that is to be shown now.
using Authorization = std::function<std::string()>;

/// An answer to a write that was forwarded to an owner.
struct Written {
  std::string owner, method;
  std::string target;   // "/api/v3/machines/ID?force=true"
  uint64_t before = 0;  // Mirror::word() before the request was sent
  std::string body;
};
/// What became of it here.
struct Taken {
  bool pending = false;                // the replica does not hold the change yet
  std::optional<store::Cursor> place;  // of the replica that holds it; absent: replicas never hold the like
};

class Conversation;

/// Follows one endpoint over one link, once; docs/mirror.md says what it promises. The questions, subscribe()
/// and take_written() are thread-safe.
class Mirror {
 public:
  Mirror(replication::SinkOptions options, replication::SavedPosition position, Limits limits, Known known);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// Opens the WebSocket and registers for every event. Errors as those of net::Link, with a status when it
  /// is refused; kTimeout when the endpoint does not acknowledge.
  env::Task<Result<void>> open(std::shared_ptr<net::Link> link, Authorization authorization);
  /// Follows until it breaks, and says why. Everything received is durable or refused when it returns.
  env::Task<Error> run();
  /// Ends run() at once; also when it has not begun.
  void abort();

  void subscribe(std::vector<std::string> owners);
  bool follows(std::string_view owner) const;
  /// Of owners behind the endpoint: as of when the endpoint's own copy of them is here.
  std::optional<env::SteadyTime> as_of(std::string_view owner) const;
  /// Collections that are older than that.
  replication::HeldUpCollections held_up(std::string_view owner) const;
  /// When the endpoint said that it is in touch with the owner.
  std::optional<env::SteadyTime> told(std::string_view owner) const;
  void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                 replication::HeldUpCollections held_up);
  replication::SavedPosition position() const;
  /// While all is well the age of a replica stays below this.
  env::Duration resolution() const;

  /// What was heard by now, for Written::before.
  uint64_t word() const;
  /// Brings what a successful write changed into the replica: the object that the answer shows, unless
  /// something was heard of it meanwhile; else what the target names is asked for, and everything that the
  /// endpoint told of by then. Waits for that `patience` at most.
  env::Task<Taken> take_written(Written written, env::Duration patience);

 private:
  std::shared_ptr<Conversation> conversation_;
};

}  // namespace mullion::mirror
