// What can become of one object of a bulk, and what an answer says of it. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mullion::bulk {

enum class Outcome : uint8_t {
  kPending,
  kRunning,  // a request is on its way
  kDone,
  kAlreadySo,  // nothing had to be changed
  kLocked,
  kNotAllowed,   // the user who set the bulk going may not do it
  kRefused,      // the owner, or this server, said no
  kConflict,     // somebody else changed the object, or a test of the patch failed
  kUnreachable,  // the owner was not asked: nothing was changed
  kUnknown,      // the request may have been carried out
};
inline constexpr size_t kOutcomes = 10;

/// One line of the table of outcomes, in the order of the enumeration.
struct OutcomeEntry {
  Outcome outcome;
  char letter;              // in stored outcomes (docs/bulk.md)
  std::string_view name;    // as people and queries say it
  std::string_view member;  // of Bulk.Counts
  bool asked;               // a request was sent: what `First` counts
  bool failure;             // what `StopAfter` counts
  bool again;               // nothing was done, so `retry` does it again
};
std::span<const OutcomeEntry> outcome_table();
const OutcomeEntry& entry_of(Outcome outcome);
std::optional<Outcome> outcome_of_letter(char letter);
std::optional<Outcome> outcome_of_name(std::string_view name);

/// How many objects have each outcome.
struct Counts {
  std::array<uint64_t, kOutcomes> of{};

  uint64_t& operator[](Outcome outcome) { return of[static_cast<size_t>(outcome)]; }
  uint64_t operator[](Outcome outcome) const { return of[static_cast<size_t>(outcome)]; }
  uint64_t total() const;
  uint64_t asked() const;
  uint64_t failures() const;
  bool operator==(const Counts&) const = default;
};

/// What a request was answered.
struct Answer {
  int status = 0;
  std::string message;        // of a refusal
  bool may_have_run = false;  // the way to the owner broke while it was asked
};

struct Verdict {
  Outcome outcome = Outcome::kPending;
  std::string message;
};
/// `text` cut to what is kept of a message, at a whole character.
std::string kept_message(std::string_view text);
Verdict verdict_of(const Answer& answer);

}  // namespace mullion::bulk
