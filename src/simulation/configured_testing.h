// An endpoint of a simulation that can be configured: its settings, the requests that show and change them,
// and its real configuration lease.
#pragma once

#include <boost/json.hpp>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "apply/lease.h"
#include "base/digest.h"
#include "base/json.h"
#include "env/launch.h"
#include "simulation/declared_testing.h"
#include "simulation/part_testing.h"
#include "simulation/uploads_testing.h"

namespace mullion::simulation {

namespace json = boost::json;

/// Stands for SHA-256.
inline std::string sum_of(std::string_view content) {
  const std::string half = hash128(content).hex();
  return half + half;
}

/// Packs that need another one, here and in the catalog.
inline const std::map<std::string, std::string>& pack_needs() {
  static const std::map<std::string, std::string> all = {{"net", "core"}};
  return all;
}

class Configured final : public Part {
 public:
  Configured(World& world, DeclaredTruth& truth) : world_(world), truth_(truth) {}

  void begin(const Surroundings& surroundings) override {
    here_ = &surroundings;
    keeper_ =
        std::make_unique<apply::LeaseKeeper>(surroundings.store, surroundings.clock, surroundings.timers);
    (void)env::launch(surroundings.runtime, [this, keeper = keeper_.get()]() -> Task<void> {
      co_await keeper->watch([this] { manager().state_changed(); });
    });
  }
  void end() override {
    keeper_.reset();
    here_ = nullptr;
  }

  void tell(model::EndpointState& state) const override {
    state.info->arch = "amd64";
    state.info->os = "linux";
    state.components.emplace();
    state.prefs.emplace();
    state.global.emplace();
    state.files.emplace();
    state.prerequisites.emplace(pack_needs());
    state.auto_start.emplace();
    state.plugins.emplace();
    for (const auto& [setting, value] : settings_) {
      const std::string name = setting.substr(setting.find('/') + 1);
      const std::string kind = kind_of(setting);
      if (kind == "prefs") state.prefs->emplace(name, value);
      if (kind == "global") state.global->emplace(name, json::parse(value));
      if (kind == "files") state.files->emplace(setting, value);
      if (kind == "contents") {
        model::EndpointComponent& pack = state.components->emplace_back();
        pack.type = "ContentPackage";
        pack.name = name;
        pack.version = value;
        pack.actual_version = value;
      }
    }
    state.configured_by = keeper_ ? keeper_->holder() : std::string();
  }

  /// After each step of the endpoint: who holds the lease from now on, and until when.
  void note_lease() {
    if (!keeper_) return;
    const store::Cursor cursor = here_->store.newest();
    const bool over = !held_.empty() && !held_.back().holder.empty() && held_.back().until <= world_.now();
    if (cursor == noted_ && !over) return;
    noted_ = cursor;
    const std::optional<apply::Lease> lease = keeper_->current();
    Held now{world_.now(), lease ? lease->holder : "", world_.now()};
    if (lease) now.until += lease->until - here_->clock.wall();
    if (!held_.empty() && held_.back().holder == now.holder && held_.back().until == now.until) return;
    held_.push_back(now);
  }
  std::string holder_at(Duration moment) const {
    for (size_t i = held_.size(); i-- > 0;) {
      if (held_[i].at > moment) continue;
      return held_[i].until > moment ? held_[i].holder : "";
    }
    return "";
  }

  /// Somebody changes it past every manager; absent: deletes it.
  void by_hand(const std::string& setting, const std::optional<std::string>& value) {
    put(setting, value);
    tell_of_change();
  }
  const Settings& settings() const { return settings_; }
  /// From now on it tells of no change by itself, until it does again, also of what it kept back.
  void be_silent(bool silent) {
    silent_ = silent;
    tell_of_change();
  }
  /// Changes are forbidden from now on, until they are not.
  bool forbids = false;
  /// Preferences that it never takes.
  static constexpr std::string_view kImpossible = "impossible";

  Task<std::optional<net::Response>> answer(net::Request& request) override {
    constexpr std::string_view kApi = "/api/v3/";
    if (!request.path.starts_with(kApi)) co_return std::nullopt;
    const std::string path = request.path.substr(kApi.size());
    if (path == "configuration_lease") co_return co_await answer_lease(request);
    if (!concerns(path)) co_return std::nullopt;
    Result<std::string> body = co_await net::read_all(*request.body, 1 << 24);
    if (!body) co_return refused(400, "no body");
    const Asked asked{asker(request), sent_at(request)};
    if (request.method == "GET" || request.method == "HEAD") co_return show(asked, path, request);
    if (forbids) co_return refused(403, "not allowed here");
    if (path == "prefs") co_return set_prefs(asked, *body);
    if (path.starts_with(kGlobal)) {
      change(asked, "global/" + path.substr(kGlobal.size()), *body);
      co_return answered(201, *body);
    }
    if (path.starts_with("contents")) co_return change_pack(asked, request.method, path, *body);
    co_return change_file(asked, path, request, std::move(*body));
  }

 private:
  static constexpr std::string_view kGlobal = "profiles/global/params/";
  struct Held {
    Duration at;
    std::string holder;
    Duration until;
  };
  struct Asked {
    std::string manager;
    Duration sent;
  };

  manager::Manager& manager() { return here_->manager; }
  static bool concerns(std::string_view path) {
    return path == "prefs" || path.starts_with(kGlobal) || path == "contents" ||
           path.starts_with("contents/") || path.starts_with("files/");
  }
  static std::string asker(const net::Request& request) { return request.id.substr(3); }
  static Duration sent_at(const net::Request& request) {
    return Duration(std::stoll(std::string(request.headers.get("X-Simulated-Sent").value_or("0"))));
  }

  void put(const std::string& setting, const std::optional<std::string>& value) {
    if (value)
      settings_[setting] = *value;
    else
      settings_.erase(setting);
  }
  void change(const Asked& asked, const std::string& setting, const std::optional<std::string>& value) {
    truth_.change({here_->host.name(), asked.manager, setting, value, asked.sent, holder_at(asked.sent)});
    put(setting, value);
    tell_of_change();
  }
  void tell_of_change() {
    if (!silent_ && here_ != nullptr) manager().state_changed();
  }
  std::optional<std::string> now(const std::string& setting) const {
    const auto found = settings_.find(setting);
    return found == settings_.end() ? std::nullopt : std::optional(found->second);
  }
  void saw(const Asked& asked, const std::string& prefix) {
    truth_.saw(asked.manager, here_->host.name(), settings_, prefix);
  }

  // ---- what is asked

  net::Response show(const Asked& asked, const std::string& path, const net::Request& request) {
    if (path == "prefs") {
      saw(asked, "prefs/");
      json::object out;
      for (const auto& [setting, value] : settings_) {
        if (kind_of(setting) == "prefs") out[setting.substr(6)] = value;
      }
      return answered(200, json::serialize(out));
    }
    if (path.starts_with(kGlobal)) {
      const std::string setting = "global/" + path.substr(kGlobal.size());
      saw(asked, setting);
      return answered(200, now(setting).value_or("null"));
    }
    if (path == "contents") {
      saw(asked, "contents/");
      json::array out;
      for (const auto& [setting, value] : settings_) {
        if (kind_of(setting) == "contents")
          out.emplace_back(json::object{{"meta", {{"Name", setting.substr(9)}, {"Version", value}}}});
      }
      return answered(200, json::serialize(out));
    }
    if (path.starts_with("files/")) return show_file(asked, path, request);
    return refused(404, "Not Found");
  }
  net::Response show_file(const Asked& asked, const std::string& path, const net::Request& request) {
    if (request.query_value("partial")) return uploads_.show(path);
    saw(asked, path);
    const auto sum = now(path);
    if (!sum) return refused(404, "Not Found");
    net::Response out;
    out.headers.set("X-DRP-SHA256SUM", *sum);
    return out;
  }

  net::Response set_prefs(const Asked& asked, const std::string& body) {
    const Result<json::object> wanted = parse_json_object(body, 8);
    if (!wanted) return refused(400, "no object");
    if (wanted->contains(kImpossible)) return refused(422, "Preference impossible: it does not exist");
    for (const auto& [name, value] : *wanted)
      change(asked, "prefs/" + std::string(name), std::string(value.as_string()));
    return answered(201, "{}");
  }

  net::Response change_pack(const Asked& asked, std::string_view method, const std::string& path,
                            const std::string& body) {
    if (method == "DELETE") {
      const std::string name = path.substr(std::string_view("contents/").size());
      if (!now("contents/" + name)) return refused(404, "No such content store");
      for (const auto& [pack, need] : pack_needs()) {
        if (need == name && now("contents/" + pack)) return refused(409, pack + " needs it");
      }
      change(asked, "contents/" + name, std::nullopt);
      return answered(204, "");
    }
    const Result<json::object> pack = parse_json_object(body, 8);
    if (!pack) return refused(400, "no object");
    const json::object& meta = pack->at("meta").as_object();
    const std::string name(meta.at("Name").as_string());
    const bool there = now("contents/" + name).has_value();
    if (method == "POST" && there) return refused(409, name + " already exists");
    if (method == "PUT" && !there) return refused(404, "No such content store");
    const auto need = pack_needs().find(name);
    if (need != pack_needs().end() && !now("contents/" + need->second))
      return refused(422, name + " lacks " + need->second);
    change(asked, "contents/" + name, std::string(meta.at("Version").as_string()));
    return answered(method == "POST" ? 201 : 200, "{}");
  }

  net::Response change_file(const Asked& asked, const std::string& path, const net::Request& request,
                            const std::string& body) {
    if (request.method == "DELETE") {
      if (request.query_value("partial")) return uploads_.drop(path);
      change(asked, path, std::nullopt);
      return answered(204, "");
    }
    std::optional<std::string> whole;
    net::Response out = uploads_.take(path, request, body, whole);
    if (whole) change(asked, path, sum_of(*whole));
    return out;
  }

  Task<std::optional<net::Response>> answer_lease(net::Request& request) {
    const std::string holder(request.query_value("holder").value_or(""));
    if (request.method == "DELETE") {
      const Result<void> released = co_await keeper_->release(holder);
      if (!released) co_return refused(409, released.error().text());
      co_return answered(204, "");
    }
    if (request.method == "POST") {
      Result<std::string> body = co_await net::read_all(*request.body, 1 << 16);
      const Result<json::object> wanted = parse_json_object(body ? *body : "", 4);
      if (!wanted) co_return refused(400, "no object");
      const Result<apply::Lease> taken = co_await keeper_->take(std::string(wanted->at("holder").as_string()),
                                                                wanted->at("seconds").as_int64());
      if (!taken)
        co_return refused(taken.error().code == ErrorCode::kConflict ? 409 : 503, taken.error().text());
    }
    json::object out{{"holder", ""}};
    if (const std::optional<apply::Lease> lease = keeper_->current()) {
      out["holder"] = lease->holder;
      out["seconds"] = std::chrono::ceil<std::chrono::seconds>(lease->until - here_->clock.wall()).count();
    }
    co_return answered(200, json::serialize(out));
  }

  World& world_;
  DeclaredTruth& truth_;
  const Surroundings* here_ = nullptr;
  std::unique_ptr<apply::LeaseKeeper> keeper_;
  Settings settings_{{"prefs/defaultStage", "none"}};
  Uploads uploads_;
  bool silent_ = false;
  std::vector<Held> held_;
  store::Cursor noted_;  // up to here the lease is in held_
};

}  // namespace mullion::simulation
