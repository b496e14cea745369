// Carries bulks out in the background: each object is changed by a request of the user who set the bulk
// going.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"
#include "bulk/outcome.h"
#include "env/timers.h"
#include "store/store.h"

namespace mullion::bulk {

using env::Task;

/// What a user can do by requests, as the API lets it be done. Implemented by the API; thread-safe.
class UserRequests {
 public:
  virtual ~UserRequests() = default;
  /// The objects that a query of `principal` finds, `most` at most, in no order. Blocks.
  virtual Result<std::vector<store::ObjectRef>> select(const auth::Principal& principal,
                                                       std::string_view type, const std::string& filter,
                                                       uint64_t most) const = 0;
  /// Whether the object exists for `principal`, who may do `action` to it.
  virtual bool allows(const auth::Principal& principal, std::string_view type, std::string_view action,
                      const store::ObjectRef& object, std::string_view body) const = 0;
  /// Carries a request out as `principal`: the whole way that one from outside takes. `target` is encoded.
  virtual Task<Answer> perform(auth::Principal principal, std::string method, std::string target,
                               std::string body) = 0;
};

struct Dependencies {
  env::Runtime& runtime;
  store::Store& store;
  auth::Authenticator& authenticator;
  UserRequests& requests;
  std::string own_id;
  std::function<bool(const std::string& owner)> in_touch;  // changes reach an owner that is not this server
  std::function<std::string()> new_run;                    // a name that no run had before
  const env::Clock& clock;
  const env::Timers& timers;
};

/// Thread-safe. Everything it knows is in the store: a killed server goes on where it was.
class Bulks {
 public:
  virtual ~Bulks() = default;
  virtual void start() = 0;
  /// Begins nothing more, waits a little for what is under way.
  virtual Task<void> stop() = 0;
  /// preview: what it would do, as JSON; start, pause, resume, stop, retry, continue: the object. kNotFound,
  /// kInvalid (why not, what to do), kConflict (not as many objects as expected).
  virtual Task<Result<std::string>> command(std::string id, std::string command,
                                            auth::Principal principal) = 0;
  /// A page of BulkItems as JSON: objects of one outcome, or all. Those that do not exist for `principal` are
  /// left out of the page. kNotFound.
  struct Page {
    std::optional<Outcome> outcome;
    uint64_t offset = 0, limit = 100;
  };
  virtual Task<Result<std::string>> items(std::string id, Page page, auth::Principal principal) = 0;

  struct Statistics {
    size_t active = 0;
    size_t under_way = 0;  // requests
  };
  virtual Statistics statistics() const = 0;
};
std::unique_ptr<Bulks> make_bulks(Dependencies dependencies);

/// Problems of a bulk that a client writes; `stored` is its body before, empty for a new one.
std::vector<std::string> written_faults(const store::Store& store, const store::Snapshot& snapshot,
                                        const boost::json::object& object, std::string_view stored);
/// Why a bulk must not be removed now.
std::vector<std::string> not_removable(const boost::json::object& object);

}  // namespace mullion::bulk
