// Answers of owners about one object, on their way to the client of this manager.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// An endpoint that is no manager shows its own objects without an Endpoint. Here they have one: fills it
/// into the object that `answer` shows, as reads of the replica do, without the secret that is shown to this
/// server's account. Everything else of the answer stays.
env::Task<Result<net::Response>> with_owner(Call& call, std::string owner, Result<net::Response> answer);
/// The same for reads below /OWNER, which are passed on as they are, but for what is shown to the account of
/// this manager alone: secrets, of which servers of another make show more, and how many objects there are
/// that the caller's tenant hides.
env::Task<Result<net::Response>> shown_to_caller(Call& call, std::string owner, Result<net::Response> answer);

}  // namespace mullion::api
