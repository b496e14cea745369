// The one binary: a server (`mullion serve`, or called dr-provision) and the command line (everything else,
// or called drpcli).
#include <string>
#include <string_view>
#include <vector>

#include "cli/cli.h"
#include "server/database_examiner.h"
#include "server/server.h"
#include "server/upgrade_supervisor.h"

namespace {

std::string_view base_name(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

int main(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == mullion::server::kSelfCheckWord)
    return mullion::server::self_check(std::vector<std::string>(argv + 2, argv + argc));
  if (word == mullion::server::kSuperviseWord)
    return mullion::server::supervise_upgrade(std::vector<std::string>(argv + 2, argv + argc));
  if (word == mullion::server::kExamineWord)
    return mullion::server::examine_database(std::vector<std::string>(argv + 2, argv + argc));
  const bool called_as_server = argc > 0 && base_name(argv[0]) == "dr-provision";
  const bool called_as_client = argc > 0 && base_name(argv[0]) == "drpcli";
  const bool serve = called_as_server || (!called_as_client && word == "serve");
  if (!serve) return mullion::cli::run(argc, argv);
  const std::vector<std::string> arguments(argv + (called_as_server ? 1 : 2), argv + argc);
  return mullion::server::run(arguments);
}
