#include "client/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "base/percent.h"
#include "net/http.h"

namespace mullion::client {

struct Maker {
  static Request make(std::string_view method, std::initializer_list<std::string_view> parts) {
    std::string target;
    for (const std::string_view part : parts) target += part;
    return Request(std::string(method), std::move(target));
  }
};

namespace {

constexpr std::string_view kRoot = "/api/v3/";

std::string encoded_segment(std::string_view text) { return percent_encode(text); }

/// Each part between slashes for itself; slashes at the beginning mean nothing.
std::string encoded_rest(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of('/'), text.size()));
  std::string out;
  while (true) {
    const size_t slash = text.find('/');
    out += percent_encode(text.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    out += '/';
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string_view Request::shown() const {
  const size_t root = target_.find(kRoot);
  return std::string_view(target_).substr(root + kRoot.size());
}

Request Request::with(std::string_view name, std::string_view value) const {
  return with_encoded(fmt::format("{}={}", percent_encode(name), percent_encode(value)));
}

Request Request::with(const Words& words) const {
  Request out = *this;
  for (const auto& [name, value] : words) out = out.with(name, value);
  return out;
}

Request Request::with_encoded(std::string_view query) const {
  if (query.empty()) return *this;
  const char separator = target_.find('?') == std::string::npos ? '?' : '&';
  return {method_, fmt::format("{}{}{}", target_, separator, query)};
}

Request Request::through(std::string_view owner) const {
  return {method_, fmt::format("/{}{}", percent_encode(owner), target_)};
}

#include "client/definitions.inc"

Request blob_request(RequestForPath files, RequestForPath isos, std::string_view path) {
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string_view rest = path.substr(std::min(slash + 1, path.size()));
  return path.substr(0, slash) == "isos" ? isos(rest) : files(rest);
}

}  // namespace mullion::client
