// The public API of one endpoint, as far as it is read here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "client/routes.h"
#include "env/timers.h"
#include "mirror/internal/pace.h"
#include "net/link.h"

namespace mullion::mirror {

/// The value of `Authorization` that is to be shown now.
using Authorization = std::function<std::string()>;

struct Answer {
  int status = 0;
  std::string body;
  std::optional<uint64_t> matching;  // X-DRP-LIST-FILTER-COUNT
  std::string sha256;                // X-DRP-SHA256SUM, of a file
};

/// Thread-safe. Requests wait for their turn: there are `at_once` under way at most, at the pace of Pace.
class Api {
 public:
  static constexpr uint64_t kLongestAnswer = uint64_t{64} << 20;

  /// `clock` and `timers` outlive it.
  Api(std::shared_ptr<net::Link> link, Authorization authorization, size_t at_once, const env::Clock& clock,
      const env::Timers& timers);

  /// What the endpoint answers, whatever it is, but: kUnavailable when it does not take the token any more;
  /// kTooLarge; kUnreachable, kTimeout as those of net::Link.
  env::Task<Result<Answer>> ask(client::Request request);

  /// Who waits for a turn gets kCancelled, now and from now on.
  void stop();

  net::Headers login() const;
  net::Link& link() { return *link_; }
  bool is_failing() const;
  uint64_t bytes() const { return bytes_; }
  uint64_t requests() const { return requests_; }

 private:
  class Turn;
  // False: stopped.
  env::Task<bool> wait_for_turn();
  env::Task<bool> wait_for_pace();
  void end_turn();
  env::Task<Result<Answer>> send(client::Request asked);

  const std::shared_ptr<net::Link> link_;
  const Authorization authorization_;
  const size_t at_once_;
  const env::Clock& clock_;
  const env::Timers& timers_;
  std::atomic<uint64_t> bytes_{0}, requests_{0};
  mutable Mutex mutex_;
  Pace pace_ GUARDED_BY(mutex_);
  size_t under_way_ GUARDED_BY(mutex_) = 0;
  std::atomic<bool> stopped_{false};
  env::Signal turn_ended_, stopping_;
};

/// Whether an answer says that there is no such object, and not that the server knows no such route yet.
bool says_not_found(const Answer& answer);

}  // namespace mullion::mirror
