// An endpoint for tests of applying: it answers requests as a server would, forgets nothing, and breaks when
// it is told to.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <set>

#include "apply/internal/carry_out.h"
#include "auth/auth.h"
#include "base/mutex.h"
#include "catalog/items.h"
#include "net/range.h"
#include "plan/plan.h"

namespace mullion::apply {

/// Stands for SHA-256 of what the model holds.
inline std::string model_sum(std::string_view content) { return auth::salted_digest("", content); }

/// What can be sent: content by source.
class ModelArtifacts final : public Artifacts {
 public:
  std::map<std::string, std::string> contents;
  std::set<std::string> corrupt;  // sources that are not what the catalog says
  std::set<std::string> endless;  // sources whose servers never come to an end
  std::atomic<int> asked{0};      // for endless ones

  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) override {
    if (endless.contains(artifact.source)) {
      ++asked;
      for (bool slept = true; slept;) slept = co_await env::sleep_for(std::chrono::hours(1));
      co_return Error(ErrorCode::kCancelled, "cancelled");
    }
    const auto found = contents.find(artifact.source);
    if (found == contents.end()) co_return Error(ErrorCode::kNotFound, "no " + artifact.source);
    if (corrupt.contains(artifact.source))
      co_return Error(ErrorCode::kCorrupt, artifact.source + ": expected sha256 x, the file has y");
    files::Blobs::Info info;
    info.path = artifact.source;
    info.size = found->second.size();
    info.sha256 = model_sum(found->second);
    co_return info;
  }
  Result<net::BodySourcePtr> open(const files::Blobs::Info& info, uint64_t first, uint64_t last) override {
    return net::body_from_string(contents.at(info.path).substr(first, last - first + 1));
  }
};

/// What fails: request number `at` (from 0) and, with `every`, each such number after it.
struct Failure {
  int at = -1;
  bool every = false;
  enum class Kind { kRefused, kBrokenBefore, kBrokenAfter } kind = Kind::kRefused;
};

/// The state survives what speaks to it. Thread-safe.
class PretendedEndpoint {
 public:
  std::string version = "v1.0.0", ux_version;
  std::map<std::string, std::pair<Kind, std::string>> components;  // name -> kind, version
  std::map<std::string, json::object> plugins;
  std::map<std::string, std::string> prefs{{"defaultStage", "none"}};
  json::object global;
  std::map<std::string, std::string> files, pieces;
  /// VersionSet and CatalogItem objects by collection and Id, where it is a manager.
  std::map<std::string, std::map<std::string, json::object>> objects;
  std::set<std::string> unlisted;            // files that it has and does not tell of
  std::set<std::string> damaging;            // files that it does not store as they were sent
  std::set<std::string> secure;              // parameters
  std::map<std::string, std::string> needs;  // pack -> pack that must be there
  std::string holder;
  auth::KeyPair keys = auth::make_key_pair();
  Failure failure;
  std::map<std::string, int> refused;  // requests ("PUT prefs") and their statuses; 0: the connection breaks
  size_t full_at = SIZE_MAX;           // bytes of a file that fit
  uint64_t cut_piece_at = 0;           // once: of the next piece only so many bytes arrive
  int restarting = 0;                  // requests that are not answered
  int requests = 0;
  std::vector<std::string> asked;    // "GET prefs" and so on, in order, answered or not
  std::vector<std::string> changes;  // those that changed something
  std::function<void()> changed;
  mutable Mutex
      mutex;  // held by answer(), and by a test that looks at anything above while requests may come

  json::object report() const;
  Result<client::Answer> answer(const std::string& method, const std::string& target,
                                const net::Headers& headers, const std::string& body);
  /// A piece of `secret` values in clear, as only the endpoint sees them.
  std::string opened(const json::value& sealed) const {
    const Result<std::string> clear = auth::open_sealed(keys, json::serialize(sealed));
    return clear ? *clear : "";
  }

 private:
  client::Answer serve(const std::string& method, const std::string& path, const std::string& query,
                       const net::Headers& headers, const std::string& body);
  client::Answer serve_contents(const std::string& method, const std::string& name, const std::string& body);
  client::Answer serve_object(const std::string& method, const std::string& path, const std::string& body);
  client::Answer list_files(const std::string& query) const;
  client::Answer serve_plugins(const std::string& method, const std::string& path, const std::string& body);
  client::Answer serve_file(const std::string& method, const std::string& path, const std::string& query,
                            const net::Headers& headers, const std::string& body);
  client::Answer serve_lease(const std::string& method, const std::string& query, const std::string& body);
  json::value stored(const std::string& param, const json::value& value) const;
};

inline client::Answer refusal(int status, const std::string& message) {
  return {status, {}, json::serialize(json::object{{"Messages", json::array{json::value(message)}}})};
}
inline client::Answer shown(int status, const json::value& value) {
  return {status, {}, json::serialize(value)};
}

class ModelCalls final : public manager::EndpointCalls {
 public:
  explicit ModelCalls(PretendedEndpoint& endpoint) : endpoint_(endpoint) {}
  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    std::string body;
    if (auto* source = std::get_if<net::BodySourcePtr>(&request.body)) {
      Result<std::string> all = co_await net::read_all(**source, uint64_t{1} << 30);
      if (!all) co_return all.error();
      body = std::move(*all);
    } else {
      body = std::get<std::string>(request.body);
    }
    co_await env::sleep_for(std::chrono::microseconds(1));
    co_return endpoint_.answer(request.method, request.target, request.headers, body);
  }

 private:
  PretendedEndpoint& endpoint_;
};

}  // namespace mullion::apply
