// Bulks in the API: what users' requests do when the server sends them, the actions of bulks, their items.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"
#include "bulk/bulks.h"
#include "objects/type_hooks.h"

namespace mullion::api {

// bulk::UserRequests
Result<std::vector<store::ObjectRef>> select_for(const Services& services, const auth::Principal& principal,
                                                 std::string_view type, const std::string& filter,
                                                 uint64_t most);
/// The same with the whole text of the answer, as far as that has at most 16 MiB, comes within
/// `net::kLongestFetch`, and finds room in memory.
struct FullAnswer {
  int status = 0;
  std::string unreachable;  // X-Mullion-Unreachable of a 503
  std::string text;
  std::string lost;      // why there is no text
  net::HeldShares held;  // what `text` takes of memory
};
env::Task<FullAnswer> send_as(Services& services, auth::Principal principal, std::string method,
                              std::string target, std::string body);
/// What a refusal says, in one line.
std::string messages_of_answer(const FullAnswer& answer);
env::Task<bulk::Answer> perform_as(Services& services, auth::Principal principal, std::string method,
                                   std::string target, std::string body);

Error no_bulks(const Call& call);
inline constexpr auto kBulkCommands =
    std::to_array<std::string_view>({"preview", "start", "pause", "resume", "stop", "retry", "continue"});
/// Runs one of them on the object of `call`: the JSON text of the answer.
env::Task<Result<std::string>> run_bulk_action(Call& call, std::string command);

// TypeHooks of bulks.
std::vector<std::string> bulk_conflicts(const Services& services, const objects::Draft& draft,
                                        const store::Snapshot& snapshot);

}  // namespace mullion::api
