// What a manager of a simulation is sent from upstream: version sets, catalog items and their files, and
// changes of its Endpoint objects.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "manager/forward.h"
#include "model/members.h"
#include "model/object.h"
#include "simulation/configured_testing.h"
#include "simulation/travelled_testing.h"
#include "store/commit_async.h"

namespace mullion::simulation {

class Received final : public Part {
 public:
  explicit Received(TravelledTruth& truth) : truth_(truth) {}

  void begin(const Surroundings& here) override { here_ = &here; }
  void end() override {
    here_ = nullptr;
    listeners_.clear();
    file_listeners_.clear();
  }
  const Files& files() const { return files_; }
  /// Called after objects were changed from upstream, until the server ends.
  void on_change(std::function<void()> listener) { listeners_.push_back(std::move(listener)); }
  /// The same of files, with the path.
  void on_file(std::function<void(const std::string&)> listener) {
    file_listeners_.push_back(std::move(listener));
  }

  Task<std::optional<net::Response>> answer(net::Request& request) override {
    const std::vector<std::string>& parts = request.segments;
    if (parts.size() < 3 || parts[0] != "api") co_return std::nullopt;
    const std::string& what = parts[2];
    if (!concerns(what, request.method)) co_return std::nullopt;
    Result<std::string> body = co_await net::read_all(*request.body, 1 << 24);
    if (!body) co_return refused(400, "no body");
    if (what == "files") co_return answer_file(request, std::move(*body));
    if (what == "endpoints") co_return co_await patch_endpoint(parts.back(), std::move(*body));
    Wish wish{request.method, what, parts.size() > 3 ? parts[3] : ""};
    co_return co_await change_object(std::move(wish), asker(request), std::move(*body));
  }

 private:
  struct Wish {
    std::string method, type, key;
  };

  /// Objects are shown by the server itself.
  static bool concerns(const std::string& what, const std::string& method) {
    if (what == "endpoints") return method == "PATCH";
    return what == "files" || (method != "GET" && (what == "version_sets" || what == "catalog_items"));
  }
  static std::string asker(const net::Request& request) { return request.id.substr(3); }
  std::optional<std::string> stored(const std::string& type, const std::string& key) const {
    return here_->store.snapshot()->get({type, std::string(store::kOwn), key});
  }
  void changed() {
    for (const auto& listener : listeners_) listener();
  }
  void changed_file(const std::string& path) {
    for (const auto& listener : file_listeners_) listener(path);
  }

  Task<net::Response> change_object(Wish wish, std::string asker, std::string body) {
    json::object object;
    if (wish.method != "DELETE") {
      Result<json::object> sent = parse_json_object(body, 64);
      if (!sent) co_return refused(400, "no object");
      object = std::move(*sent);
      wish.key = model::text_member(object, "Id");
    }
    const std::optional<std::string> there = stored(wish.type, wish.key);
    if (there && wish.method == "POST") co_return refused(409, "it already exists");
    if (!there && wish.method != "POST") co_return refused(404, "Not Found");
    truth_.asked({here_->host.name(), asker, wish.type, wish.key}, there);
    store::Batch batch;
    store::Change& change = batch.changes.emplace_back();
    change.id = {wish.type, std::string(store::kOwn), wish.key};
    if (wish.method != "DELETE")
      change.body = model::canonical_body(*model::find_object_type(wish.type), object);
    change.expect = there ? store::Expect::kSame : store::Expect::kAbsent;
    if (there) change.expected_hash = hash128(*there);
    batch.principal = "user:" + asker;
    const Result<store::Cursor> done = co_await store::commit_async(here_->store, std::move(batch));
    if (!done) co_return refused(done.error().code == ErrorCode::kConflict ? 409 : 503, done.error().text());
    changed();
    co_return marked(answered(wish.method == "POST" ? 201 : 200, "{}"), *done);
  }

  Task<net::Response> patch_endpoint(std::string id, std::string patch) {
    const std::optional<std::string> there = stored("endpoints", id);
    if (!there) co_return refused(404, "Not Found");
    const Result<json::value> operations = parse_json(patch);
    if (!operations) co_return refused(400, "no patch");
    Result<json::value> patched = model::apply_patch(*parse_json(*there, 256), *operations);
    if (!patched) co_return refused(409, patched.error().text());
    store::Batch batch;
    store::Change& change = batch.changes.emplace_back();
    change.id = {"endpoints", std::string(store::kOwn), id};
    change.body = model::canonical_body(*model::find_object_type("endpoints"), patched->get_object());
    change.expect = store::Expect::kSame;
    change.expected_hash = hash128(*there);
    batch.principal = "user:upstream";
    const Result<store::Cursor> done = co_await store::commit_async(here_->store, std::move(batch));
    if (!done) co_return refused(done.error().code == ErrorCode::kConflict ? 409 : 503, done.error().text());
    co_return marked(answered(200, *stored("endpoints", id)), *done);
  }
  net::Response marked(net::Response response, const store::Cursor& done) const {
    response.headers.set(manager::kCommitHeader,
                         fmt::format("{} {:016x} {}", here_->host.name(), done.epoch, done.seq));
    return response;
  }

  // ---- files

  net::Response answer_file(const net::Request& request, std::string body) {
    const std::string path = request.path.substr(std::string_view("/api/v3/").size());
    if (path == "files") return list(std::string(request.query_value("path").value_or("")));
    const bool partial = request.query_value("partial").has_value();
    if (request.method == "POST") return take_piece(path, request, body);
    if (request.method == "DELETE" && partial) return uploads_.drop(path);
    if (request.method == "DELETE") {
      if (files_.erase(path) == 0) return refused(404, "Unable to delete");
      truth_.lost_file(here_->host.name(), path, files_);
      changed_file(path);
      return answered(204, "");
    }
    if (partial) return uploads_.show(path);
    const auto found = files_.find(path);
    if (found == files_.end()) return refused(404, "Not Found");
    net::Response out;
    out.headers.set("X-DRP-SHA256SUM", sum_of(found->second));
    return out;
  }

  net::Response list(const std::string& directory) const {
    const std::string place = "files/" + directory;
    json::array names;
    for (const auto& [path, content] : files_) {
      if (path.starts_with(place)) names.emplace_back(path.substr(place.size()));
    }
    if (names.empty()) return refused(404, "Not Found");
    return answered(200, json::serialize(names));
  }

  net::Response take_piece(const std::string& path, const net::Request& request, const std::string& body) {
    std::optional<std::string> whole;
    net::Response out = uploads_.take(path, request, body, whole);
    if (!whole) return out;
    files_[path] = std::move(*whole);
    changed_file(path);
    return out;
  }

  TravelledTruth& truth_;
  const Surroundings* here_ = nullptr;
  std::vector<std::function<void()>> listeners_;
  std::vector<std::function<void(const std::string&)>> file_listeners_;
  Files files_;  // on the disk
  Uploads uploads_;
};

}  // namespace mullion::simulation
