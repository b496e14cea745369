// How the replicas behind one endpoint are kept up to date.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manager/link.h"
#include "mirror/mirror.h"
#include "replication/sink.h"

namespace mullion::manager {

/// By what the replicas of an endpoint are kept up to date.
enum class FollowedBy {
  kStream,  // the replication stream
  kEvents,  // the public API: events, and lists
};
/// "stream", "events".
std::string_view word_of(FollowedBy way);

/// Follows one endpoint over one link, once: open(), run(), then another follower begins where position()
/// says. What it hears it tells through the callbacks that it was made with. Thread-safe, but for open() and
/// run(), which have one caller.
class EndpointFollower {
 public:
  virtual ~EndpointFollower() = default;
  /// Asks the endpoint to be let in, with the token of now. Errors as those of Link; with a status when it
  /// refuses.
  virtual env::Task<Result<void>> open(std::shared_ptr<Link> link, mirror::Authorization authorization) = 0;
  /// Follows until it breaks, and says why. Everything received is durable or refused when it returns.
  virtual env::Task<Error> run() = 0;
  /// Ends run() at once; also when it has not begun.
  virtual void abort() = 0;

  /// The owners wanted from now on, of those that the endpoint announced.
  virtual void subscribe(std::vector<std::string> owners) = 0;
  /// Whether the replica of `owner` is complete and follows the endpoint.
  virtual bool follows(std::string_view owner) const = 0;
  /// Everything that `owner` had committed by then is in the replica. Absent: never known to be complete.
  virtual std::optional<env::SteadyTime> as_of(std::string_view owner) const = 0;
  /// The same of the endpoint's own replica, by its last word. Absent: it announces none.
  virtual std::optional<env::SteadyTime> told(std::string_view owner) const = 0;
  /// Collections of the owner that are older than that, because they cannot be read where they come from.
  virtual replication::HeldUpCollections held_up(std::string_view owner) const = 0;
  /// What is known elsewhere of the replica of `owner`. Absent: it was dropped, or is another follower's.
  virtual void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                         replication::HeldUpCollections held_up) = 0;
  /// What to remember.
  virtual replication::SavedPosition position() const = 0;

  virtual FollowedBy followed_by() const = 0;
  /// While all is well the ages of replicas stay below this, for each level that they come through.
  virtual env::Duration resolution() const = 0;
  /// What a write changed, by its answer, where the endpoint does not say which commit that was; see
  /// mirror::Mirror::take_written(). Only for kEvents.
  virtual env::Task<mirror::Taken> take_written(mirror::Written written, env::Duration patience) = 0;
  /// What was heard by now, for mirror::Written::before.
  virtual uint64_t word() const = 0;
};

/// How an endpoint is followed, and from where.
struct Following {
  FollowedBy by = FollowedBy::kStream;
  replication::SavedPosition position;
  // For kEvents.
  mirror::Limits limits;
  mirror::Known known;
};
using MakeFollower =
    std::function<std::shared_ptr<EndpointFollower>(replication::SinkOptions options, Following following)>;

/// Follows the stream of docs/replication.md, or the public API as docs/mirror.md says.
std::shared_ptr<EndpointFollower> follow_endpoint(replication::SinkOptions options, Following following);

}  // namespace mullion::manager
