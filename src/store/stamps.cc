#include "store/stamps.h"

#include <array>
#include <chrono>

#include "model/object.h"

namespace mullion::store {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"CreatedAt", "CreatedBy", "LastModifiedAt",
                                                    "LastModifiedBy"};
constexpr std::string_view kUser = "user:";

/// The stamps of a body, as JSON texts.
struct Stamps {
  std::string_view created_at, created_by, modified_at, modified_by;
  std::string_view rest;  // of the body, behind them
};

/// Cuts the text that `body` goes on with; absent when it is none.
std::optional<std::string_view> cut_text(std::string_view& body) {
  if (!body.starts_with('"')) return std::nullopt;
  for (size_t i = 1; i < body.size(); ++i) {
    if (body[i] == '\\') {
      ++i;
    } else if (body[i] == '"') {
      const std::string_view text = body.substr(0, i + 1);
      body.remove_prefix(i + 1);
      return text;
    }
  }
  return std::nullopt;
}

bool cut(std::string_view& body, std::string_view expected) {
  if (!body.starts_with(expected)) return false;
  body.remove_prefix(expected.size());
  return true;
}

/// Absent for bodies of types without stamps, and those of servers that knew none.
std::optional<Stamps> stamps_of(std::string_view body) {
  std::array<std::string_view, 4> values;
  for (size_t i = 0; i < kNames.size(); ++i) {
    const bool named =
        cut(body, i == 0 ? "{" : ",") && cut(body, "\"") && cut(body, kNames[i]) && cut(body, "\":");
    const std::optional<std::string_view> value = named ? cut_text(body) : std::nullopt;
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  return Stamps{values[0], values[1], values[2], values[3], body};
}

std::string body_with(const Stamps& stamps) {
  std::string out;
  const std::array values = {stamps.created_at, stamps.created_by, stamps.modified_at, stamps.modified_by};
  for (size_t i = 0; i < kNames.size(); ++i) {
    out.append(i == 0 ? "{\"" : ",\"").append(kNames[i]).append("\":").append(values[i]);
  }
  return out.append(stamps.rest);
}

std::string json_text(std::string_view text) {
  std::string out;
  model::append_json(out, boost::json::value(text));
  return out;
}

/// The user's name; machines and the server itself sign nothing.
std::string signature(std::string_view principal) {
  return json_text(principal.starts_with(kUser) ? principal.substr(kUser.size()) : std::string_view());
}

void stamp(Change& change, const std::string& now, const std::string& who, const ReadOwn& read) {
  std::optional<Stamps> stamps = stamps_of(*change.body);
  if (!stamps) return;
  const std::optional<std::string> old =
      change.expect == Expect::kAnything ? read(change.id) : std::optional<std::string>();
  const std::optional<Stamps> earlier = old ? stamps_of(*old) : std::nullopt;
  if (earlier) {
    stamps->created_at = earlier->created_at;
    stamps->created_by = earlier->created_by;
  } else if (change.expect == Expect::kAbsent || (change.expect == Expect::kAnything && !old)) {
    stamps->created_at = now;
    stamps->created_by = who;
  }
  const bool same = earlier && earlier->rest == stamps->rest;
  stamps->modified_at = same ? earlier->modified_at : std::string_view(now);
  stamps->modified_by = same ? earlier->modified_by : std::string_view(who);
  change.body = body_with(*stamps);
}

}  // namespace

std::string without_stamps(std::string_view body) {
  const std::optional<Stamps> stamps = stamps_of(body);
  if (!stamps) return std::string(body);
  const bool more = stamps->rest.starts_with(',');
  return std::string("{").append(stamps->rest.substr(more ? 1 : 0));
}

void set_stamps(Batch& batch, env::WallTime now, const ReadOwn& read) {
  if (batch.stamped || batch.origin) return;
  batch.stamped = true;
  // Nobody needs more of a second, and equal digits are cheap to keep.
  const auto moment = std::chrono::floor<std::chrono::microseconds>(now);
  const std::string time =
      json_text(env::format_rfc3339(std::chrono::time_point_cast<env::WallTime::duration>(moment)));
  const std::string who = signature(batch.principal);
  for (Change& change : batch.changes) {
    if (change.id.owner == kOwn && change.body) stamp(change, time, who, read);
  }
}

}  // namespace mullion::store
