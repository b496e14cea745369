// A member of which less is left than it promised takes no part; it comes back as another one, by a copy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cluster/cluster.h"
#include "cluster/roster.h"

namespace mullion::cluster {

/// On the lines between members: what a conversation is about in which a member asks to come back.
inline constexpr const char* kReadmissionTalk = "readmission";

/// What a member asks for that has forgotten what it promised. Who it was is known by its old key.
struct ReadmissionRequest {
  std::string key;      // public half of the new one, hex
  std::string api_url;  // of its API
};

/// What the serving member knows of one that asks.
struct ReadmissionFacts {
  bool key_fits = false;      // it has the form of a key
  bool key_taken = false;     // by a member, or former member, that is somebody else
  bool is_back = false;       // a member with its ConsensusID shows the new key already
  bool is_serving = false;    // the number that asks is the one that is asked
  bool is_member = false;     // the number that asks is in the list
  bool left_to_come = false;  // it was taken off the list in order to come back
  bool just_came = false;     // it did the same a moment ago
};
/// What to do next. Each step is agreed on before the next one is looked for; so a new serving member goes on
/// where another one was interrupted.
enum class ReadmissionStep {
  kRefuse,  // it was removed by somebody, or asks for what cannot be
  kLater,
  kTakeOff,  // its old number: whatever that promised counts no more. Needs a majority without it
  kAdd,      // as a learner with a new number, which gets a copy before it votes
  kDone,
};
ReadmissionStep next_readmission_step(const ReadmissionFacts& facts);

/// As the list tells them. `own`: the number of the member that is asked.
ReadmissionFacts readmission_facts(const Roster& roster, MemberId own, MemberId asking,
                                   const ReadmissionRequest& request);
/// Who `asking` was, and what it is from now on: the same to clients, another one to members.
std::optional<RosterMember> returning_member(const Roster& roster, MemberId asking,
                                             const ReadmissionRequest& request);

std::string encode_readmission(const ReadmissionRequest& request);
/// kCorrupt.
Result<ReadmissionRequest> decode_readmission(std::string_view text);
std::string encode_readmission_answer(const Result<Admission>& answer);
/// The error that was answered, or kCorrupt.
Result<Admission> decode_readmission_answer(std::string_view text);

}  // namespace mullion::cluster
