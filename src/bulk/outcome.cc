#include "bulk/outcome.h"

#include <fmt/format.h>

namespace mullion::bulk {
namespace {

constexpr std::array<OutcomeEntry, kOutcomes> kTable{{
    {Outcome::kPending, 'p', "pending", "Pending", false, false, false},
    {Outcome::kRunning, 'r', "running", "Running", true, false, false},
    {Outcome::kDone, 'd', "done", "Done", true, false, false},
    {Outcome::kAlreadySo, 's', "already so", "AlreadySo", false, false, false},
    {Outcome::kLocked, 'l', "locked", "Locked", false, false, false},
    {Outcome::kNotAllowed, 'a', "not allowed", "NotAllowed", false, false, true},
    {Outcome::kRefused, 'f', "refused", "Refused", true, true, true},
    {Outcome::kConflict, 'c', "conflict", "Conflict", true, true, false},
    {Outcome::kUnreachable, 'u', "unreachable", "Unreachable", true, true, true},
    {Outcome::kUnknown, '?', "unknown", "Unknown", true, true, false},
}};

constexpr size_t kLongestMessage = 300;  // bytes

/// A range of statuses and what it means; the first that fits counts.
struct StatusRule {
  int first, last;
  Outcome outcome;
};
constexpr std::array kStatusRules{
    StatusRule{200, 299, Outcome::kDone},        StatusRule{409, 409, Outcome::kConflict},
    StatusRule{412, 412, Outcome::kConflict},    StatusRule{423, 423, Outcome::kLocked},
    StatusRule{429, 429, Outcome::kUnreachable},  // slowed down: not carried out
    StatusRule{400, 499, Outcome::kRefused},     StatusRule{501, 501, Outcome::kRefused},
    StatusRule{503, 503, Outcome::kUnreachable},  // refused before anything was done
    StatusRule{507, 507, Outcome::kRefused},
};

}  // namespace

std::span<const OutcomeEntry> outcome_table() { return kTable; }

const OutcomeEntry& entry_of(Outcome outcome) { return kTable[static_cast<size_t>(outcome)]; }

std::optional<Outcome> outcome_of_letter(char letter) {
  for (const OutcomeEntry& entry : kTable) {
    if (entry.letter == letter) return entry.outcome;
  }
  return std::nullopt;
}

std::optional<Outcome> outcome_of_name(std::string_view name) {
  for (const OutcomeEntry& entry : kTable) {
    if (entry.name == name || entry.member == name) return entry.outcome;
  }
  return std::nullopt;
}

uint64_t Counts::total() const {
  uint64_t sum = 0;
  for (const uint64_t count : of) sum += count;
  return sum;
}

uint64_t Counts::asked() const {
  uint64_t sum = 0;
  for (const OutcomeEntry& entry : kTable) sum += entry.asked ? (*this)[entry.outcome] : 0;
  return sum;
}

uint64_t Counts::failures() const {
  uint64_t sum = 0;
  for (const OutcomeEntry& entry : kTable) sum += entry.failure ? (*this)[entry.outcome] : 0;
  return sum;
}

std::string kept_message(std::string_view text) {
  if (text.size() <= kLongestMessage) return std::string(text);
  size_t end = kLongestMessage;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;  // within a character
  return std::string(text.substr(0, end)) + "...";
}

Verdict verdict_of(const Answer& answer) {
  const std::string message = kept_message(answer.message);
  if (answer.may_have_run) return {Outcome::kUnknown, message};
  for (const StatusRule& rule : kStatusRules) {
    if (answer.status < rule.first || answer.status > rule.last) continue;
    return {rule.outcome, rule.outcome == Outcome::kDone ? std::string() : message};
  }
  return {Outcome::kUnknown, message.empty() ? fmt::format("answered {}", answer.status) : message};
}

}  // namespace mullion::bulk
