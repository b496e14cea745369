#include "api/internal/answers.h"

#include <charconv>
#include <cmath>

#include "base/error_object.h"
#include "base/text.h"
#include "manager/unreachable.h"
#include "objects/params.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

constexpr size_t kLongestReason = 1000;

bool unit_of(std::string_view& text, double& seconds) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  // Longer names first: "ms" before "m".
  static constexpr Unit kUnits[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1},
                                    {"m", 60},    {"h", 3600},  {"d", 86400}};
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    seconds = unit.seconds;
    return true;
  }
  return false;
}

/// What a header may hold: one line of printable ASCII.
std::string reason_of(const Error& error) {
  std::string text;
  for (const std::string& message : error.messages) text += (text.empty() ? "" : "; ") + message;
  std::string out;
  for (const char c : escaped(text).substr(0, kLongestReason)) out += c >= ' ' && c < 0x7f ? c : '?';
  return out;
}

bool shows_aggregated_params(const Call& call) { return call.flag("aggregate") || call.flag("compose"); }

uint64_t whole_seconds(double age) { return age <= 0 ? 0 : static_cast<uint64_t>(std::ceil(age)); }

/// Why `owner` does not meet a demand for at most `largest` seconds.
std::string too_old(const manager::OwnerFreshness& owner, double largest) {
  if (!owner.untold_by.empty())
    return fmt::format("how old the copy of {} is cannot be known: {} passes it on and does not tell it",
                       owner.owner, owner.untold_by);
  std::string text = fmt::format("{} is {} s old", owner.owner, whole_seconds(owner.age_seconds));
  if (!owner.reason.empty()) text += ": " + owner.reason;
  if (largest < owner.resolution_seconds) {
    text += fmt::format("; X-Mullion-Max-Age below {} is finer than what can be known of it at all times",
                        whole_seconds(owner.resolution_seconds));
  }
  return text;
}

}  // namespace

json::array to_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

std::string quoted_json(std::string_view text) { return json::serialize(json::string_view(text)); }

net::Response json_response(int status, std::string body) {
  net::Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

net::Response json_response(int status, const json::value& body) {
  std::string text;
  model::append_json(text, body);
  return json_response(status, std::move(text));
}

std::string error_json(const Error& error, std::string_view method) {
  json::object body = error_object(error);
  // A login that is refused is so whatever was asked.
  const bool of_method = error.type.empty() && error.code != ErrorCode::kUnauthorized;
  if (of_method) body["Type"] = method;
  return json::serialize(body);
}

net::Response error_response(const Error& error, std::string_view method) {
  net::Response response = json_response(error.status(), error_json(error, method));
  if (error.code == ErrorCode::kUnauthorized) {
    response.headers.set("WWW-Authenticate", R"(Basic realm="mullion", charset="UTF-8")");
  }
  if (!error.unreachable.empty()) response.headers.set(manager::kUnreachableHeader, error.unreachable);
  if (error.code == ErrorCode::kTooManyRequests) response.headers.set("Retry-After", "1");
  if (method == "HEAD") response.headers.set(kReasonHeader, reason_of(error));
  return response;
}

std::string etag_of(std::string_view body) { return '"' + hash128(body).hex() + '"'; }

bool etag_matches(std::string_view header, std::string_view etag) {
  while (!header.empty()) {
    const size_t comma = header.find(',');
    std::string_view candidate = trimmed(header.substr(0, comma));
    if (candidate.starts_with("W/")) candidate.remove_prefix(2);
    if (candidate == "*" || candidate == etag) return true;
    if (comma == std::string_view::npos) return false;
    header.remove_prefix(comma + 1);
  }
  return false;
}

bool parse_duration(std::string_view text, env::Duration& out) {
  if (text.empty()) return false;
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (failure != std::errc{} || number < 0) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    double seconds = 1;
    if (!text.empty() && !unit_of(text, seconds)) return false;
    total += number * seconds;
  }
  if (!(total < 1e9)) return false;
  out = std::chrono::duration_cast<env::Duration>(std::chrono::duration<double>(total));
  return true;
}

Result<void> apply_freshness(const Call& call, const std::vector<std::string>& owners,
                             std::vector<std::string> collections, net::Response& response) {
  if (owners.empty() || call.services.manager == nullptr) return {};
  double largest = -1;
  if (const auto wanted = call.request.headers.get("X-Mullion-Max-Age")) {
    env::Duration limit{};
    if (!parse_duration(*wanted, limit)) {
      return Error(ErrorCode::kBadRequest,
                   fmt::format("X-Mullion-Max-Age: {} is not a number of seconds", *wanted));
    }
    largest = std::chrono::duration<double>(limit).count();
  }
  double oldest = 0;
  std::string stale, untold;
  std::vector<std::string> refused;
  if (shows_aggregated_params(call)) {
    for (std::string& one : objects::aggregated_collections()) collections.push_back(std::move(one));
  }
  const auto read = manager::ReadFrom::collections(std::move(collections));
  for (const manager::OwnerFreshness& owner : call.services.manager->freshness(owners, read)) {
    oldest = std::max(oldest, owner.age_seconds);
    if (!owner.in_touch) {
      stale += fmt::format("{}{};age={}", stale.empty() ? "" : ", ", owner.owner,
                           whole_seconds(owner.age_seconds));
    }
    if (!owner.untold_by.empty())
      untold += fmt::format("{}{};by={}", untold.empty() ? "" : ", ", owner.owner, owner.untold_by);
    if (largest >= 0 && (owner.age_seconds > largest || !owner.untold_by.empty()))
      refused.push_back(too_old(owner, largest));
  }
  if (!refused.empty()) {
    return Error(ErrorCode::kUnavailable, "", call.type == nullptr ? "" : std::string(call.type->prefix), "",
                 std::move(refused));
  }
  response.headers.set("X-Mullion-Age", std::to_string(whole_seconds(oldest)));
  if (!stale.empty()) response.headers.set("X-Mullion-Stale", std::move(stale));
  if (!untold.empty()) response.headers.set("X-Mullion-Age-Untold", std::move(untold));
  return {};
}

void add_counts(net::Response& response, uint64_t shown, uint64_t total, uint64_t matching) {
  response.headers.set("X-DRP-LIST-COUNT", std::to_string(shown));
  response.headers.set("X-DRP-LIST-TOTAL-COUNT", std::to_string(total));
  response.headers.set("X-DRP-LIST-FILTER-COUNT", std::to_string(matching));
}

void add_commit_header(const Call& call, const store::Cursor& cursor, net::Response& response) {
  response.headers.set("X-Mullion-Commit",
                       fmt::format("{} {:016x} {}", call.services.facts.id, cursor.epoch, cursor.seq));
}

}  // namespace mullion::api
