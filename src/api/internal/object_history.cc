#include "api/internal/object_history.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/secure_upgrade.h"
#include "model/members.h"
#include "model/pointer.h"
#include "model/secure_params.h"

namespace mullion::api {
namespace {

constexpr std::string_view kHidden = "********";
constexpr uint64_t kMostEntries = 500;
constexpr size_t kMostBytes = size_t{32} << 20;

/// Who and when stand beside the changes already.
constexpr std::string_view kStamps[] = {"CreatedAt", "CreatedBy", "LastModifiedAt", "LastModifiedBy"};

json::value shown_value(const json::value* value, const HistoryLimits& limits, bool& left_out) {
  if (value == nullptr) return nullptr;
  const std::string text = json::serialize(*value);
  if (auth::is_secure_data(text)) return json::value(kHidden);
  if (text.size() <= limits.value_bytes) return *value;
  left_out = true;
  return nullptr;
}

bool is_stamp(std::string_view name, std::string_view path) {
  return path.empty() && std::ranges::find(kStamps, name) != std::end(kStamps);
}

std::string below(const std::string& path, std::string_view name) {
  return path + "/" + model::pointer_part(name);
}

/// The members that differ, by their paths. Lists are compared as wholes.
class Differences {
 public:
  explicit Differences(const HistoryLimits& limits) : limits_(limits) {}

  void compare(const json::object& before, const json::object& after, const std::string& path) {
    for (const auto& [name, value] : before) {
      if (!is_stamp(name, path) && after.if_contains(name) == nullptr)
        differ(&value, nullptr, below(path, name));
    }
    for (const auto& [name, value] : after) {
      if (!is_stamp(name, path)) compare(before.if_contains(name), value, below(path, name));
    }
  }
  json::array take() { return std::move(out_); }
  bool more() const { return more_; }

 private:
  void compare(const json::value* before, const json::value& after, const std::string& path) {
    if (before != nullptr && *before == after) return;
    const bool objects = before != nullptr && before->is_object() && after.is_object();
    if (objects && !model::is_sealed(after)) return compare(before->get_object(), after.get_object(), path);
    differ(before, &after, path);
  }

  void differ(const json::value* before, const json::value* after, const std::string& path) {
    if (out_.size() == limits_.members) {
      more_ = true;
      return;
    }
    bool left_out = false;
    json::object entry{{"Path", path}};
    if (before != nullptr) entry["From"] = shown_value(before, limits_, left_out);
    if (after != nullptr) entry["To"] = shown_value(after, limits_, left_out);
    if (left_out) entry["Large"] = true;
    out_.push_back(std::move(entry));
  }

  const HistoryLimits& limits_;
  json::array out_;
  bool more_ = false;
};

bool is_new(const json::object& object) {
  const std::string created = model::text_member(object, "CreatedAt");
  return !created.empty() && created == model::text_member(object, "LastModifiedAt");
}

void hide_in(json::value* params, const std::set<std::string>& names) {
  if (params == nullptr || !params->is_object()) return;
  for (auto& member : params->get_object()) {
    if (names.contains(std::string(member.key())) || model::is_always_secure(member.key()))
      member.value() = kHidden;
  }
}

/// What a parameter held in clear before it became secure is as secret as what it holds now.
json::object without_hidden(const std::string& body, const HiddenParams& hidden) {
  json::object object = model::parse_object(body);
  hide_in(object.if_contains(hidden.places.map), hidden.names);
  json::value* items = hidden.places.list.empty() ? nullptr : object.if_contains(hidden.places.list);
  if (items == nullptr || !items->is_array()) return object;
  for (json::value& item : items->get_array()) {
    if (item.is_object()) hide_in(item.get_object().if_contains("Params"), hidden.names);
  }
  return object;
}

/// What was before the last removal belongs to an object whose rights nobody knows any more.
std::span<const store::ObjectHistory::Change> of_this_object(const store::ObjectHistory& history) {
  const std::span<const store::ObjectHistory::Change> all = history.changes;
  const auto removal =
      std::find_if(all.rbegin(), all.rend(), [](const auto& change) { return !change.body; });
  return all.subspan(static_cast<size_t>(all.rend() - removal));
}

/// `before` is null where nothing is known of the time before.
json::object shown_change(const store::ObjectHistory::Change* before,
                          const store::ObjectHistory::Change& change, const HistoryLimits& limits,
                          const HiddenParams& hidden, bool first) {
  json::object out{{"Time", env::format_rfc3339(change.time)}, {"Commit", change.cursor.seq}};
  const json::object after = without_hidden(*change.body, hidden);
  const bool created = before == nullptr && (first || is_new(after));
  out["Action"] = created ? "create" : "save";
  out["By"] = model::text_member(after, "LastModifiedBy");
  if (created) return out;
  if (before == nullptr) {
    out["BeforeUnknown"] = true;
    return out;
  }
  Differences differences(limits);
  differences.compare(without_hidden(*before->body, hidden), after, "");
  out["Changes"] = differences.take();
  if (differences.more()) out["More"] = true;
  return out;
}

}  // namespace

json::object shown_history(const store::ObjectHistory& history, const HistoryLimits& limits,
                           const HiddenParams& hidden) {
  const auto changes = of_this_object(history);
  const bool made_anew = changes.size() < history.changes.size();
  json::array entries;
  for (size_t i = changes.size(); i > 0 && entries.size() < limits.entries; --i) {
    const store::ObjectHistory::Change* before = i > 1 ? &changes[i - 2] : nullptr;
    entries.push_back(shown_change(before, changes[i - 1], limits, hidden, made_anew));
  }
  json::object out;
  out["More"] = (history.more && !made_anew) || changes.size() > entries.size();
  const bool from_its_beginning =
      !entries.empty() && entries.back().at("Action") == "create" && !out.at("More").get_bool();
  out["Complete"] = from_its_beginning;
  out["LogBegins"] = env::format_rfc3339(history.log_begins);
  out["Entries"] = std::move(entries);
  return out;
}

namespace handlers {

env::Task<Result<net::Response>> show_history(Call& call) {
  HistoryLimits limits;
  if (const auto wanted = call.request.query_value("limit")) {
    uint64_t number = 0;
    const auto [end, failure] = std::from_chars(wanted->data(), wanted->data() + wanted->size(), number);
    if (failure != std::errc{} || end != wanted->data() + wanted->size() || number > kMostEntries)
      co_return object_error(call, ErrorCode::kNotAcceptable,
                             {fmt::format("Limit must be a number up to {}", kMostEntries)});
    limits.entries = number;
  }
  const store::ObjectId id{std::string(call.type->prefix), call.target.owner, call.target.key};
  const Result<json::object> history =
      co_await heavy(call, env::Pool::kProcessor, [&]() -> Result<json::object> {
        // One more than is shown: what the oldest of them was before.
        const Result<store::ObjectHistory> found =
            call.services.store.history(id, limits.entries + 1, kMostBytes);
        if (!found) return found.error();
        const HiddenParams hidden{model::param_places(call.type->prefix),
                                  secure_param_names(call.services, *call.services.store.snapshot())};
        return shown_history(*found, limits, hidden);
      });
  if (!history) co_return history.error();
  co_return json_response(200, json::value(*history));
}

}  // namespace handlers
}  // namespace mullion::api
