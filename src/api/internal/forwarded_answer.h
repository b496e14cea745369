// Answers of owners about one object, on their way to the client of this manager.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// An endpoint that is no manager shows its own objects without an Endpoint. Here they have one: fills it
/// into the object that `answer` shows, as reads of the replica do. Everything else of the answer stays.
env::Task<Result<net::Response>> with_owner(const Call& call, std::string owner,
                                            Result<net::Response> answer);
/// The same for reads below /OWNER, which are passed on as they are, but from servers of another make: what
/// these show to the account of this manager holds secrets.
env::Task<Result<net::Response>> without_secrets(const Call& call, std::string owner,
                                                 Result<net::Response> answer);

}  // namespace mullion::api
