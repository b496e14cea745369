// The first words with an endpoint: who are you, and do you let me in?
#pragma once

#include <memory>
#include <string>

#include "env/timers.h"
#include "manager/link.h"

namespace mullion::manager {

/// An endpoint that answered and accepted the login.
struct Contact {
  std::shared_ptr<Link> link;
  std::string token;
  std::string id;  // what it calls itself as an owner
  std::string version;
  bool streams = false;  // speaks the replication stream
  boost::json::object info;
};

/// Takes 10 s at most, however slowly the other side speaks. Errors: kUnreachable, kTimeout; kForbidden
/// (login refused, or another certificate than the one remembered); kTooManyRequests (logins are slowed down
/// there); kInvalid (does not answer as a DRP endpoint, or there is no such file of authorities).
env::Task<Result<Contact>> make_contact(const Dial& dial, const Connection& connection,
                                        const env::Timers& timers);
/// What an endpoint that let us in says of itself (GET /info), within 10 s. Errors as make_contact().
env::Task<Result<boost::json::object>> ask_info(Link& link, std::string authorization,
                                                const env::Timers& timers);
/// A fresh token for a user who logs in with a password, within 10 s. Errors as make_contact().
env::Task<Result<std::string>> fetch_token(Link& link, std::string username, std::string password,
                                           const env::Timers& timers);

}  // namespace mullion::manager
