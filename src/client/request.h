// Requests to the API of a server. Each is for one of the routes of schema/routes.yaml: see routes.h.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mullion::client {

/// Method and target of a request. Only the functions of routes.h begin one, so that there is none for a
/// route that does not exist.
class Request {
 public:
  using Words = std::vector<std::pair<std::string, std::string>>;

  const std::string& method() const { return method_; }
  /// "/api/v3/machines/a%20b?force=true": encoded.
  const std::string& target() const { return target_; }
  /// "machines/a%20b?force=true": the target as people know it.
  std::string_view shown() const;
  /// With one more word in its query; `name` and `value` are clear text.
  Request with(std::string_view name, std::string_view value) const;
  Request with(const Words& words) const;
  /// With `query`, which is encoded: "a=1&b=2"; "" adds nothing.
  Request with_encoded(std::string_view query) const;
  /// Asks a manager to pass the request on to `owner`.
  Request through(std::string_view owner) const;

 private:
  friend struct Maker;  // routes.cc
  Request(std::string method, std::string target) : method_(std::move(method)), target_(std::move(target)) {}

  std::string method_, target_;
};

}  // namespace mullion::client
