// Files that a simulated server is sent in pieces, and how it answers.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "net/http.h"
#include "net/range.h"

namespace mullion::simulation {

inline net::Response answered(int status, std::string body) {
  net::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}
inline net::Response refused(int status, const std::string& why) {
  namespace json = boost::json;
  return answered(status, json::serialize(json::object{{"Messages", json::array{json::value(why)}}}));
}

/// Files by their path ("files/a").
using Files = std::map<std::string, std::string>;

/// Uploads that have begun, on the disk of a server.
class Uploads {
 public:
  net::Response show(const std::string& path) const {
    const auto found = arrived_.find(path);
    if (found == arrived_.end()) return refused(404, "No unfinished upload");
    net::Response out;
    out.headers.set("Upload-Offset", std::to_string(found->second.size()));
    return out;
  }
  net::Response drop(const std::string& path) { return answered(arrived_.erase(path) > 0 ? 204 : 404, ""); }
  /// The answer to a piece; with the last one `whole` is the file.
  net::Response take(const std::string& path, const net::Request& request, const std::string& body,
                     std::optional<std::string>& whole) {
    const auto header = request.headers.get("Content-Range");
    const auto range = header ? net::parse_content_range(*header) : std::nullopt;
    if (!range) return refused(400, "the simulation takes files in pieces");
    std::string& arrived = arrived_[path];
    if (range->bytes.first == 0) arrived.clear();
    net::Response out;
    if (range->bytes.first != arrived.size()) {
      out.status = 409;
    } else {
      arrived += body;
      out.status = range->last() ? 201 : 202;
    }
    out.headers.set("Upload-Offset", std::to_string(arrived.size()));
    if (out.status != 201) return out;
    whole = std::move(arrived);
    arrived_.erase(path);
    return out;
  }

 private:
  Files arrived_;
};

}  // namespace mullion::simulation
