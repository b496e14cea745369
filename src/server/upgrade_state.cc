#include "server/upgrade_state.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "model/members.h"

namespace mullion::server {
namespace {

namespace json = boost::json;
constexpr unsigned kPrivate = 0600;

/// Nothing when the file is absent, or no JSON object: then it was not written by us.
std::optional<json::object> read_object(const env::Path& file) {
  const Result<std::string> text = env::read_file(file);
  if (!text) return std::nullopt;
  Result<json::object> object = parse_json_object(*text);
  if (!object) return std::nullopt;
  return std::move(*object);
}

Result<void> write_object(const env::Path& file, const json::object& object) {
  return env::write_file_atomic(file, json::serialize(object) + "\n", kPrivate);
}

void remove_file(const env::Path& file) {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

}  // namespace

std::string UpgradeOutcome::text() const {
  if (upgraded) return fmt::format("upgraded {} -> {}", from, to);
  return fmt::format("rolled back from {} to {}: {}", to, from, reason);
}

Result<void> UpgradeFolder::make() const { return env::make_directories(root_, 0700); }

std::optional<PendingUpgrade> UpgradeFolder::pending() const {
  const std::optional<json::object> object = read_object(root_ / "pending.json");
  if (!object) return std::nullopt;
  PendingUpgrade pending;
  pending.from = model::text_member(*object, "From");
  pending.to = model::text_member(*object, "To");
  pending.program = model::text_member(*object, "Program");
  pending.candidate = model::text_member(*object, "Candidate");
  pending.fingerprint = model::text_member(*object, "Fingerprint");
  pending.started = model::text_member(*object, "Started");
  const json::value* deadline = object->if_contains("DeadlineSeconds");
  if (deadline != nullptr && deadline->is_int64() && deadline->get_int64() > 0)
    pending.deadline = static_cast<uint64_t>(deadline->get_int64());
  return pending;
}

Result<void> UpgradeFolder::begin(const PendingUpgrade& pending) const {
  return write_object(root_ / "pending.json", {{"From", pending.from},
                                               {"To", pending.to},
                                               {"Program", pending.program.string()},
                                               {"Candidate", pending.candidate.string()},
                                               {"DeadlineSeconds", pending.deadline},
                                               {"Fingerprint", pending.fingerprint},
                                               {"Started", pending.started}});
}

Result<void> UpgradeFolder::finish(const PendingUpgrade& pending, const UpgradeOutcome& outcome) const {
  Result<void> written = write_object(root_ / "result.json", {{"Upgraded", outcome.upgraded},
                                                              {"From", outcome.from},
                                                              {"To", outcome.to},
                                                              {"Reason", outcome.reason},
                                                              {"Finished", outcome.finished}});
  if (!written) return written;
  remove_file(root_ / "pending.json");
  Result<void> synced = env::sync_directory(root_);
  if (synced && !outcome.upgraded) remove_file(pending.candidate);
  return synced;
}

bool UpgradeFolder::has_staged() const {
  std::error_code ignored;
  return std::filesystem::is_regular_file(staged(), ignored);
}

Result<void> UpgradeFolder::keep_staged(const env::Path& package) const {
  std::error_code problem;
  std::filesystem::rename(package, staged(), problem);
  if (problem) return env::error_from_errno(problem.value(), staged().string());
  return env::sync_directory(root_);
}

void UpgradeFolder::forget_staged() const { remove_file(staged()); }

Result<void> UpgradeFolder::offer_staged() const {
  std::error_code problem;
  std::filesystem::rename(staged(), offered(), problem);
  if (problem) return env::error_from_errno(problem.value(), offered().string());
  return env::sync_directory(root_);
}

void UpgradeFolder::forget_offered() const { remove_file(offered()); }

std::optional<OwnTurn> UpgradeFolder::turn() const {
  const std::optional<json::object> object = read_object(root_ / "turn.json");
  if (!object) return std::nullopt;
  const auto is_on = [&object](const char* name) {
    const json::value* found = object->if_contains(name);
    return found != nullptr && found->is_bool() && found->get_bool();
  };
  return OwnTurn{model::text_member(*object, "Upgrade"), is_on("Ordered"), is_on("Same"),
                 model::text_member(*object, "Failed")};
}

Result<void> UpgradeFolder::keep_turn(const OwnTurn& turn) const {
  return write_object(
      root_ / "turn.json",
      {{"Upgrade", turn.upgrade}, {"Ordered", turn.ordered}, {"Same", turn.same}, {"Failed", turn.failed}});
}

std::optional<UpgradeOutcome> UpgradeFolder::outcome() const {
  const std::optional<json::object> object = read_object(root_ / "result.json");
  if (!object) return std::nullopt;
  const json::value* upgraded = object->if_contains("Upgraded");
  return UpgradeOutcome{upgraded != nullptr && upgraded->is_bool() && upgraded->get_bool(),
                        model::text_member(*object, "From"), model::text_member(*object, "To"),
                        model::text_member(*object, "Reason"), model::text_member(*object, "Finished")};
}

void UpgradeFolder::forget_outcome() const { remove_file(root_ / "result.json"); }

std::optional<ReadyNote> UpgradeFolder::ready() const {
  const std::optional<json::object> object = read_object(root_ / "ready.json");
  if (!object) return std::nullopt;
  return ReadyNote{model::text_member(*object, "Version"), model::text_member(*object, "Url")};
}

Result<void> UpgradeFolder::announce(const ReadyNote& note) const {
  return write_object(root_ / "ready.json", {{"Version", note.version}, {"Url", note.url}});
}

void UpgradeFolder::forget_ready() const { remove_file(root_ / "ready.json"); }

UpgradeOutcome recovered(const PendingUpgrade& pending, bool candidate_there, std::string_view running,
                         std::string now) {
  const bool upgraded = !candidate_there && running == pending.to;
  UpgradeOutcome outcome{upgraded, pending.from, pending.to, "", std::move(now)};
  if (candidate_there) {
    outcome.reason = "the server was stopped before the new program had shown that it serves";
  } else if (!upgraded) {
    outcome.reason = fmt::format("{} runs, and the new program is gone", running);
  }
  return outcome;
}

}  // namespace mullion::server
