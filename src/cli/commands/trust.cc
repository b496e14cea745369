// Which servers are known.
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/handlers.h"
#include "cli/connection/known_servers.h"

namespace mullion::cli {

Result<void> trust_server(Invocation& call) {
  std::string given = call.optional_argument(1);
  if (!given.empty()) {
    Result<std::string> parsed = parse_fingerprint(given);
    if (!parsed) return usage_error(parsed.error().messages.front());
    given = std::move(*parsed);
  }
  Result<std::string> address = server_address(call.argument(0));
  if (!address) return usage_error(address.error().messages.front());
  Result<std::string> accepted = call.session.accept_server(*address, given);
  if (!accepted) return accepted.error();
  call.terminal.out << fmt::format("{} is known by its certificate sha256:{} from now on\n", *address,
                                   *accepted);
  return {};
}

}  // namespace mullion::cli
