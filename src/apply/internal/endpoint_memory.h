// What this server remembers of an endpoint that it configures: which secrets stand behind what it shows, and
// what the unfinished uploads there are pieces of.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "env/runtime.h"
#include "store/store.h"

namespace mullion::apply {

namespace json = boost::json;

/// In the store's secrets, one record per endpoint. Secrets are kept as salted digests only. Thread-safe.
class EndpointMemory {
 public:
  explicit EndpointMemory(store::Store& store) : store_(store) {}

  /// Whether `shown` is what the endpoint showed after it was given `wanted` for `place`.
  bool same_secret(const std::string& endpoint, const std::string& place, const json::value& wanted,
                   const json::value& shown) const;
  env::Task<Result<void>> remember_secret(std::string endpoint, std::string place, json::value wanted,
                                          json::value shown);

  /// SHA-256 of the file whose pieces lie at the endpoint under this target; "" unknown.
  std::string unfinished(const std::string& endpoint, const std::string& target) const;
  /// `sha256` empty: there are none any more.
  env::Task<Result<void>> remember_unfinished(std::string endpoint, std::string target, std::string sha256);

  /// The endpoint is gone.
  env::Task<Result<void>> forget(std::string endpoint);

 private:
  /// A plan asks for every secret of an endpoint: its record is parsed once.
  std::shared_ptr<const json::object> record(const std::string& endpoint) const;
  env::Task<Result<void>> change(std::string endpoint, std::function<void(json::object&)> change);

  store::Store& store_;
  mutable Mutex mutex_;
  mutable std::string parsed_text_ GUARDED_BY(mutex_);
  mutable std::shared_ptr<const json::object> parsed_ GUARDED_BY(mutex_) =
      std::make_shared<const json::object>();
};

}  // namespace mullion::apply
