// Requests on their way to the owner: which headers travel, and when the answer may go back.
#pragma once

#include <optional>
#include <string>

#include "auth/auth.h"
#include "manager/link.h"
#include "net/held_bodies.h"
#include "store/types.h"

namespace mullion::manager {

inline constexpr std::string_view kCommitHeader = "X-Mullion-Commit";
inline constexpr std::string_view kPendingHeader = "X-Mullion-Pending";

/// Of what a manager asks by itself, when it is a cluster.
inline constexpr std::string_view kLeadHeader = "X-Mullion-Lead";

/// In which term a member of a cluster serves; terms grow within one epoch of the cluster's database.
struct LeadTerm {
  uint64_t epoch = 0, term = 0;
  bool operator==(const LeadTerm&) const = default;
};
/// "EPOCH TERM" of an X-Mullion-Lead header.
std::optional<LeadTerm> parse_lead_term(std::string_view text);
std::string lead_term_text(const LeadTerm& lead);

/// Who asks, as the owner shall see it: NAME@HOP, and one @HOP more of each manager that the request came
/// through, at most auth::kLongestClaim bytes. Pure.
std::string on_behalf_of(const auth::Principal& principal, std::string_view own_id);
/// Headers for the next hop: those of the client without what belongs to this connection, with our login:
/// `authorization`.
net::Headers forwarded_headers(const net::Request& request, const std::string& authorization,
                               std::string on_behalf);
/// Headers of the answer without what belongs to the other connection.
net::Headers answered_headers(const net::Headers& headers);
/// The body of `request` for the next hop: as text, so that it may be sent again, when it says that it has at
/// most `repeatable` bytes or there is none; else borrowed, and `request` and `broken` must outlive the call.
/// Errors: what reading it failed with; of a borrowed one `broken` tells it, since whoever sends a body on
/// cannot tell its failures from those of the next hop. Text is held on the account of `caller`
/// (net::read_held()).
using ForwardedBody = std::variant<std::string, net::BodySourcePtr>;
env::Task<Result<ForwardedBody>> forwarded_body(net::Request& request, uint64_t repeatable,
                                                std::optional<Error>& broken, std::string caller,
                                                net::HeldShares& held);
/// Whether a request may change what its owner has.
bool is_write(std::string_view method);
/// The whole of `body` when it has at most `limit` bytes; else absent, and `body` gives all of it again.
env::Task<Result<std::optional<std::string>>> short_body(net::BodySourcePtr& body, size_t limit);
/// Keeps `link` alive as long as the body is read.
net::BodySourcePtr owned_body(std::shared_ptr<Link> link, net::BodySourcePtr body);

/// "OWNER EPOCH SEQ" of an X-Mullion-Commit header.
struct CommitMark {
  std::string owner;
  store::Cursor cursor;
};
std::optional<CommitMark> parse_commit_mark(std::string_view text);
std::string commit_mark(const CommitMark& mark);

}  // namespace mullion::manager
