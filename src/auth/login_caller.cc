#include "auth/login_caller.h"

#include "env/network.h"

namespace mullion::auth {

env::Caller login_caller(const Credentials& credentials) {
  env::Network from = env::network_of(credentials.peer_address);
  env::Caller caller;
  caller.name = std::move(from.host);
  caller.group = std::move(from.site);
  caller.local = credentials.peer_is_loopback;
  return caller;
}

}  // namespace mullion::auth
